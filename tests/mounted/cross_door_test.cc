// A value is the same whichever door or dialect wrote it and whichever reads it.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

namespace json = boost::json;

struct Doors {
  KvfsProcess kvfs;
  HttpClient http = kvfs.http();

  HttpResponse ask(const std::string& method, const std::string& target, const std::string& body = {},
                   const std::string& type = "application/json") {
    HttpClient::Headers headers;
    if (!body.empty()) headers.emplace_back("Content-Type", type);
    return http.request(method, target, body, headers);
  }
  json::value json_of(const std::string& target) { return json::parse(ask("GET", target).body); }
};

/// Stores the JSON value under the key; true if it was acknowledged.
struct Writer {
  const char* name;
  std::function<bool(Doors&, const std::string& key, const json::value& value)> store;
};

/// What is stored, as JSON: a string where the door gives text.
struct Reader {
  const char* name;
  std::function<json::value(Doors&, const std::string& key)> load;
};

std::string raw(const json::value& value) {
  return value.is_string() ? std::string(value.as_string()) : json::serialize(value);
}

/// What a reader of raw bytes gets, as the JSON value that a person would take it for.
json::value from_raw(const std::string& bytes) {
  boost::system::error_code error;
  json::value value = json::parse(bytes, error);
  if (!error && (value.is_object() || value.is_array())) return value;
  return json::string(bytes);
}

std::string type_of(const json::value& value) { return value.is_string() ? "text/plain" : "application/json"; }

const std::vector<Writer> kWriters = {
    {"POST /record",
     [](Doors& d, const std::string& k, const json::value& v) {
       return d.ask("POST", "/record", json::serialize(json::object{{"key", k}, {"value", v}})).status == 200;
     }},
    {"POST /kv", [](Doors& d, const std::string& k,
                    const json::value& v) { return d.ask("POST", "/kv/" + k, raw(v), type_of(v)).status / 100 == 2; }},
    {"POST /bulk",
     [](Doors& d, const std::string& k, const json::value& v) {
       return d.ask("POST", "/bulk", json::serialize(json::object{{k, v}})).status / 100 == 2;
     }},
    {"PUT /objects",
     [](Doors& d, const std::string& k, const json::value& v) {
       return d.ask("PUT", "/objects", json::serialize(json::object{{"key", k}, {"value", v}})).status == 200;
     }},
    {"POST /put",
     [](Doors& d, const std::string& k, const json::value& v) {
       return d.ask("POST", "/put", json::serialize(json::object{{"key", k}, {"value", v}})).body == "OK";
     }},
    {"POST /batch",
     [](Doors& d, const std::string& k, const json::value& v) {
       const json::array items{json::object{{"key", k}, {"value", v}}};
       return d.ask("POST", "/batch", json::serialize(json::object{{"items", items}})).body == "Batch Processed";
     }},
    {"PUT /v1",
     [](Doors& d, const std::string& k, const json::value& v) {
       return d.ask("PUT", "/v1/default/" + k, raw(v), type_of(v)).status / 100 == 2;
     }},
    {"a file",
     [](Doors& d, const std::string& k, const json::value& v) { return try_write_file(d.kvfs.at(k), raw(v)) == 0; }},
    {"a renamed file",
     [](Doors& d, const std::string& k, const json::value& v) {
       return try_write_file(d.kvfs.at(k + ".tmp"), raw(v)) == 0 &&
              ::rename(d.kvfs.at(k + ".tmp").c_str(), d.kvfs.at(k).c_str()) == 0;
     }},
};

const std::vector<Reader> kReaders = {
    {"GET /record", [](Doors& d, const std::string& k) { return d.json_of("/record/" + k).at("value"); }},
    {"GET /kv", [](Doors& d, const std::string& k) { return from_raw(d.ask("GET", "/kv/" + k).body); }},
    {"GET /objects/key", [](Doors& d, const std::string& k) { return d.json_of("/objects/" + k).at("value"); }},
    {"GET /objects", [](Doors& d, const std::string& k) { return d.json_of("/objects").at("objects").at(k); }},
    {"GET /get", [](Doors& d, const std::string& k) { return from_raw(d.ask("GET", "/get?key=" + k).body); }},
    {"GET /scan", [](Doors& d, const std::string& k) { return d.json_of("/scan?start=" + k + "&end=" + k).at(k); }},
    {"GET /v1", [](Doors& d, const std::string& k) { return from_raw(d.ask("GET", "/v1/default/" + k).body); }},
    {"cat", [](Doors& d, const std::string& k) { return from_raw(output_of("cat " + quoted(d.kvfs.at(k)))); }},
};

// The collection exists in the mount only once something is in it.
TEST(CrossDoorTest, EveryReaderSeesWhatEveryWriterStored) {
  Doors doors;
  doors.ask("PUT", "/v1/default/first", "x", "text/plain");
  const std::vector<json::value> values = {
      json::string("plain text"), json::string("user: \"quoted\", \xC3\xA9\xE4\xB8\xAD"),
      json::parse(R"({"name":"John","tags":["a","b"],"age":30,"none":null})"), json::parse("[1,2.5,true,null]")};
  int number = 0;
  for (const Writer& writer : kWriters) {
    for (const json::value& value : values) {
      const std::string key = "key" + std::to_string(++number);
      ASSERT_TRUE(writer.store(doors, key, value)) << writer.name;
      for (const Reader& reader : kReaders) {
        SCOPED_TRACE(std::string("written by ") + writer.name + ", read by " + reader.name);
        try {
          EXPECT_EQ(reader.load(doors, key), value);
        } catch (const std::exception& error) {
          ADD_FAILURE() << error.what();
        }
      }
    }
  }
}

TEST(CrossDoorTest, EveryWriterReplacesWhatEveryOtherStored) {
  Doors doors;
  doors.ask("PUT", "/v1/default/first", "x", "text/plain");
  for (const Writer& first : kWriters) {
    for (const Writer& second : kWriters) {
      SCOPED_TRACE(std::string(first.name) + " then " + second.name);
      ASSERT_TRUE(first.store(doors, "key", json::parse(R"({"long":"object that is replaced"})")));
      ASSERT_TRUE(second.store(doors, "key", json::string("short")));
      EXPECT_EQ(doors.json_of("/objects/key").at("value"), "short");
      EXPECT_EQ(read_file(doors.kvfs.at("key")), "short");
    }
  }
}

TEST(CrossDoorTest, BytesThatAreNotTextPassThroughAllRawDoors) {
  Doors doors;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{8192}, size_t{8193}, size_t{65536}, size_t{1'000'003}}) {
    const std::string bytes = random_bytes(size, 7);
    ASSERT_EQ(doors.ask("PUT", "/v1/default/raw", bytes, "application/octet-stream").status / 100, 2);
    EXPECT_TRUE(read_file(doors.kvfs.at("raw")) == bytes) << size;
    EXPECT_TRUE(doors.ask("GET", "/kv/raw").body == bytes) << size;
    write_file(doors.kvfs.at("file"), bytes);
    EXPECT_TRUE(doors.ask("GET", "/v1/default/file").body == bytes) << size;
    EXPECT_TRUE(doors.ask("GET", "/get?key=file").body == bytes) << size;
  }
  doors.ask("PUT", "/v1/default/binary", std::string("\xFF\x00\xFE", 3), "application/octet-stream");
  EXPECT_EQ(doors.json_of("/objects/binary").at("value"), json::parse(R"({"value": "/wD+", "encoding": "base64"})"));
}

TEST(CrossDoorTest, ContentTypesAreKept) {
  Doors doors;
  doors.ask("PUT", "/v1/default/page", "<p>", "text/html; charset=utf-8");
  EXPECT_EQ(doors.ask("GET", "/v1/default/page").headers["content-type"], "text/html; charset=utf-8");
  EXPECT_EQ(doors.ask("HEAD", "/v1/default/page").headers["content-length"], "3");
}

TEST(CrossDoorTest, ListingsOverHttpAndInTheMountAgree) {
  Doors doors;
  for (const char* key : {"a", "b/one", "b/two", "b/deep/three", "c"})
    doors.ask("PUT", std::string("/v1/default/") + key, "x");
  EXPECT_EQ(output_of("find . -type f | sort", doors.kvfs.at("")), "./a\n./b/deep/three\n./b/one\n./b/two\n./c");
  const std::string all = doors.ask("GET", "/v1/default?prefix=b/").body;
  for (const char* key : {"b/one", "b/two", "b/deep/three"}) EXPECT_NE(all.find(key), std::string::npos) << all;
  EXPECT_EQ(all.find("\"a\""), std::string::npos) << all;
  const std::string level = doors.ask("GET", "/v1/default?prefix=b/&delimiter=/").body;
  EXPECT_NE(level.find("b/deep/"), std::string::npos) << level;
  EXPECT_EQ(level.find("three"), std::string::npos) << level;
}

}  // namespace
}  // namespace kvfs::test
