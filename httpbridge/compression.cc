#include "httpbridge/compression.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <new>
#include <vector>

namespace kvfs::http {

namespace {

constexpr int kGzipWindowBits = 15 + 16;   // 16: with gzip's header and trailer
constexpr int kMemoryLevel = 8;            // zlib's default: 256 KiB for each stream
constexpr size_t kPieceBytes = 64 * 1024;  // read from a source at once

std::string_view trim(std::string_view text) {
  const size_t from = text.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

bool same(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char c, char l) { return (c >= 'A' && c <= 'Z' ? c + 32 : c) == l; });
}

/// Thousandths. What is malformed counts as 0: then the bytes come as they are.
int weight_of(std::string_view parameters) {
  parameters = trim(parameters);
  if (parameters.empty()) return 1000;
  if (parameters.size() < 3 || (parameters[0] | 0x20) != 'q' || parameters[1] != '=') return 0;
  double weight = 0;
  const char* const end = parameters.data() + parameters.size();
  const auto [stop, error] = std::from_chars(parameters.data() + 2, end, weight);
  if (error != std::errc() || stop != end || weight < 0 || weight > 1) return 0;
  return static_cast<int>(weight * 1000);
}

/// One gzip stream. Owns zlib's state.
class Deflater {
 public:
  explicit Deflater(int level) {
    if (deflateInit2(&stream_, level, Z_DEFLATED, kGzipWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }
  ~Deflater() { deflateEnd(&stream_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  /// The bytes must stay until hungry() again.
  void feed(std::span<const char> bytes) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
  }
  bool hungry() const { return stream_.avail_in == 0; }

  /// Fills `out` as far as it can. `last`: nothing more will be fed. `ended`: the stream's last byte is in `out`.
  size_t take(std::span<char> out, bool last, bool& ended) {
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    ended = deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_END;
    return out.size() - stream_.avail_out;
  }
  size_t bound(size_t bytes) { return deflateBound(&stream_, bytes); }

 private:
  z_stream stream_{};
};

class GzipSource final : public BodySource {
 public:
  GzipSource(std::unique_ptr<BodySource> source, int level)
      : source_(std::move(source)), deflater_(level), plain_(kPieceBytes) {}

  std::optional<uint64_t> size() const override { return std::nullopt; }
  void set_wake(std::function<void()> wake) override { source_->set_wake(std::move(wake)); }
  int64_t due_ms() const override { return source_->due_ms(); }

  Result<Piece> read(std::span<char> out) override {
    for (;;) {
      if (deflater_.hungry() && !last_) {
        const auto piece = source_->read({plain_.data(), plain_.size()});
        if (!piece) return piece.error();
        deflater_.feed({plain_.data(), piece->bytes});
        last_ = piece->state == State::done;
        if (piece->bytes == 0 && piece->state == State::wait) return Piece{0, State::wait};
      }
      bool ended = false;
      const size_t bytes = deflater_.take(out, last_, ended);
      if (ended) return Piece{bytes, State::done};
      if (bytes > 0) return Piece{bytes, State::more};
    }
  }

 private:
  const std::unique_ptr<BodySource> source_;
  Deflater deflater_;
  std::vector<char> plain_;  // what the deflater is eating
  bool last_ = false;        // the source has given its last bytes
};

/// What HEAD stands for where GET would send a compressed stream: a body of unknown length.
class UnknownLength final : public BodySource {
 public:
  std::optional<uint64_t> size() const override { return std::nullopt; }
  Result<Piece> read(std::span<char>) override { return Piece{0, State::done}; }
};

std::string gzip(std::string_view bytes, int level) {
  Deflater deflater(level);
  std::string out(deflater.bound(bytes.size()), '\0');
  deflater.feed({bytes.data(), bytes.size()});
  bool ended = false;
  out.resize(deflater.take({out.data(), out.size()}, true, ended));
  return ended ? out : std::string();
}

}  // namespace

bool accepts_gzip(std::string_view field) {
  int gzip = -1, any = -1, identity = -1;
  while (!field.empty()) {
    const size_t comma = std::min(field.find(','), field.size());
    const std::string_view item = field.substr(0, comma);
    field.remove_prefix(std::min(comma + 1, field.size()));
    const size_t semicolon = std::min(item.find(';'), item.size());
    const std::string_view name = trim(item.substr(0, semicolon));
    const int weight = weight_of(item.substr(std::min(semicolon + 1, item.size())));
    if (same(name, "gzip") || same(name, "x-gzip")) gzip = weight;
    if (same(name, "identity")) identity = weight;
    if (name == "*") any = weight;
  }
  if (gzip < 0) gzip = any;
  return gzip > 0 && gzip >= identity;
}

bool compresses_well(std::string_view type) {
  type = trim(type.substr(0, type.find(';')));
  if (type.starts_with("text/")) return true;
  if (type.ends_with("+json") || type.ends_with("+xml")) return true;
  static constexpr std::array<std::string_view, 6> kTypes = {"application/json",       "application/x-ndjson",
                                                             "application/javascript", "application/xml",
                                                             "application/wasm",       "application/yaml"};
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

void compress_answer(const HttpOptions& options, const Request& request, Response& response) {
  if (options.gzip_level == 0 || response.streaming) return;
  const bool of_parts = response.content_type.starts_with("multipart/byteranges");
  if (response.status == 206 && (of_parts || compresses_well(response.content_type)))
    response.add("Vary", "Accept-Encoding");
  if (response.status != 200 && response.status != 304) return;
  const std::optional<uint64_t> known = response.content_length ? response.content_length
                                        : response.source       ? response.source->size()
                                                                : std::optional<uint64_t>(response.body.size());
  if (known && *known < options.gzip_bytes_min) return;
  if (!compresses_well(response.content_type)) return;
  response.add("Vary", "Accept-Encoding");
  if (request.http_1_0 || !accepts_gzip(request.headers.accept_encoding)) return;
  response.mark_etag(kGzipMark);
  if (response.status == 304) return;
  if (response.source || request.method == Method::head) {
    response.content_length.reset();
    if (request.method == Method::head)
      response.source = std::make_unique<UnknownLength>();
    else
      response.source = std::make_unique<GzipSource>(std::move(response.source), options.gzip_level);
  } else {
    response.body = gzip(response.body, options.gzip_level);
  }
  response.add("Content-Encoding", "gzip");
}

}  // namespace kvfs::http
