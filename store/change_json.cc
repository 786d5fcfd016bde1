#include "store/change_json.h"

#include <boost/json/serialize.hpp>
#include <boost/json/string_view.hpp>

#include "store/text.h"

namespace kvfs {
namespace {

void append_bytes(std::string& out, std::string_view name, std::string_view bytes) {
  out.append(",\"").append(name);
  if (is_utf8(bytes))
    out.append("\":").append(boost::json::serialize(boost::json::string_view(bytes)));
  else
    out.append("_base64\":\"").append(encode_base64(bytes)).append("\"");
}

}  // namespace

void append_change_json(std::string& out, const Change& change, bool with_tenant) {
  out.append("{\"kind\":\"").append(to_string(change.kind)).append("\"");
  if (with_tenant) append_bytes(out, "tenant", change.tenant);
  append_bytes(out, "collection", change.collection);
  append_bytes(out, "key", change.key);
  if (change.kind == ChangeKind::rename || change.kind == ChangeKind::link) {
    append_bytes(out, "to_collection", change.to_collection);
    append_bytes(out, "to_key", change.to_key);
  }
  if (change.node == Kind::directory) out.append(",\"directory\":true");
  if (change.kind == ChangeKind::put) {
    out.append(",\"size\":").append(std::to_string(change.size));
    out.append(change.created ? ",\"created\":true" : ",\"created\":false");
  }
  out.append(",\"version\":\"").append(std::to_string(change.version));
  out.append("\",\"id\":\"").append(std::to_string(change.id)).append("\"}");
}

}  // namespace kvfs
