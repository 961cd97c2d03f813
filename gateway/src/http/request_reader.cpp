#include "http/request_reader.hpp"

#include <algorithm>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

namespace zenith::gateway {
namespace {

namespace http = boost::beast::http;

/// How many headers have that name, and the last value.
std::size_t count(const HeaderList& headers, std::string_view name, std::string_view& value) {
  std::size_t n = 0;
  for (const auto& [key, text] : headers) {
    if (key != name) continue;
    ++n;
    value = text;
  }
  return n;
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// "/path?query", or "http://host/path?query", or "*": the path part.
std::string_view path_of(std::string_view target) {
  if (target.substr(0, 7) == "http://" || target.substr(0, 8) == "https://") {
    const auto slash = target.find('/', target.find("//") + 2);
    target = slash == std::string_view::npos ? std::string_view{"/"} : target.substr(slash);
  }
  return target.substr(0, target.find('?'));
}

}  // namespace

struct RequestReader::Parser {
  http::request_parser<http::string_body> beast;
};

RequestReader::RequestReader(const ReaderLimits& limits) : limits_(limits) { reset(); }
RequestReader::~RequestReader() = default;

void RequestReader::reset() {
  parser_ = std::make_unique<Parser>();
  parser_->beast.header_limit(static_cast<std::uint32_t>(limits_.header_bytes + 1024)) /* ours is checked first */;
  parser_->beast.body_limit(limits_.body_bytes);
  request_ = {};
  body_.clear();
  scanned_ = lines_ = length_ = 0;
  chunked_ = false;
  inside_ = head_done_ = false;
}

RequestReader::Progress RequestReader::refuse(int status, std::string why) {
  refusal_status_ = status;
  refusal_ = std::move(why);
  return Progress::refused;
}

RequestReader::Progress RequestReader::feed(std::string_view input, std::size_t& consumed) {
  consumed = 0;
  if (refusal_status_ != 0) return Progress::refused;
  if (input.empty() && !head_done_) return Progress::need_more;
  inside_ = true;
  return head_done_ ? feed_body(input, consumed) : feed_head(input, consumed);
}

// The lines are checked here, before Beast, for what it forgives: folded lines, control characters, any number of
// headers.
RequestReader::Progress RequestReader::feed_head(std::string_view input, std::size_t& consumed) {
  for (; scanned_ < input.size(); ++scanned_) {
    const char c = input[scanned_];
    if (scanned_ >= limits_.header_bytes) {
      if (lines_ == 0)
        return refuse(414, "the request line is longer than " + std::to_string(limits_.header_bytes) + " bytes");
      return refuse(431, "the headers are larger than " + std::to_string(limits_.header_bytes) + " bytes");
    }
    if (c == '\r') {
      if (scanned_ + 1 == input.size()) return Progress::need_more;
      if (input[scanned_ + 1] != '\n') return refuse(400, "a carriage return without a line feed in the headers");
      continue;
    }
    if (c != '\n') {
      if ((c == ' ' || c == '\t') && scanned_ > 0 && input[scanned_ - 1] == '\n')
        return refuse(400, "a folded header line");
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f)
        return refuse(400, "a control character in the headers");
      continue;
    }
    if (scanned_ == 0 || input[scanned_ - 1] != '\r')
      return refuse(400, "a line feed without a carriage return in the headers");
    if (scanned_ == 1) return refuse(400, "an empty line before the request line");
    if (input[scanned_ - 2] == '\n') {  // the empty line
      ++scanned_;
      boost::system::error_code ec;
      auto& beast = parser_->beast;
      std::size_t done = 0;
      while (done < scanned_ && !beast.is_header_done()) {
        done += beast.put(boost::asio::const_buffer(input.data() + done, scanned_ - done), ec);
        if (ec) break;
      }
      if (ec) {
        if (ec == http::error::bad_version) return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
        if (ec == http::error::body_limit) {
          return refuse(413, "the body is larger than " + std::to_string(limits_.body_bytes) + " bytes");
        }
        return refuse(400, "malformed request: " + ec.message());
      }
      if (!beast.is_header_done()) return refuse(400, "malformed headers");
      consumed = scanned_;
      head_done_ = true;
      return check_head();
    }
    if (++lines_ > limits_.header_count + 1) {
      return refuse(431, "more than " + std::to_string(limits_.header_count) + " headers");
    }
  }
  return Progress::need_more;
}

RequestReader::Progress RequestReader::check_head() {
  const auto& message = parser_->beast.get();
  if (message.version() != 10 && message.version() != 11)
    return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  request_.http_1_0 = message.version() == 10;
  request_.method.assign(message.method_string().data(), message.method_string().size());
  request_.target.assign(message.target().data(), message.target().size());
  for (const auto& field : message) {
    std::string name(field.name_string().data(), field.name_string().size());
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    request_.headers.emplace_back(std::move(name), std::string(field.value().data(), field.value().size()));
  }

  // RFC 3986 has no such byte; whoever reads the target after us might drop or decode it.
  const auto plain = [](char c) { return c > 0x20 && c < 0x7f; };
  if (!std::ranges::all_of(request_.target, plain)) return refuse(400, "malformed request target: escape it");
  const auto path = percent_decode(path_of(request_.target));
  if (!path || path->empty() || (path->front() != '/' && *path != "*")) return refuse(400, "malformed request target");
  request_.path = *path;

  std::string_view host, length, encoding, expect;
  const auto hosts = count(request_.headers, "host", host);
  if (hosts > 1 || (hosts == 0 && !request_.http_1_0)) return refuse(400, "a request needs exactly one Host header");
  const auto lengths = count(request_.headers, "content-length", length);
  const auto encodings = count(request_.headers, "transfer-encoding", encoding);
  if (lengths > 1) return refuse(400, "more than one Content-Length header");
  if (lengths == 1 && (!all_digits(length) || length.size() > 18)) return refuse(400, "malformed Content-Length");
  if (encodings > 1 || (encodings == 1 && lengths == 1)) {
    return refuse(400, "Transfer-Encoding together with another Transfer-Encoding or a Content-Length");
  }
  if (encodings == 1 && request_.http_1_0) return refuse(400, "Transfer-Encoding in an HTTP/1.0 request");
  if (encodings == 1 && !iequals(encoding, "chunked"))
    return refuse(501, "the only Transfer-Encoding served is chunked");
  if (count(request_.headers, "expect", expect) > 0) {
    if (!iequals(expect, "100-continue")) return refuse(417, "the only expectation served is 100-continue");
    request_.expect_continue = !request_.http_1_0;
  }

  bool close = request_.http_1_0, upgrade = false;
  for (const auto& [name, value] : request_.headers) {
    if (name != "connection") continue;
    if (has_token(value, "keep-alive")) close = false;
    if (has_token(value, "close")) close = true;
    upgrade = upgrade || has_token(value, "upgrade");
  }
  request_.keep_alive = !close;
  const auto* protocol = request_.header("upgrade");
  request_.upgrade_websocket = upgrade && protocol != nullptr && iequals(trim(*protocol), "websocket");
  chunked_ = encodings == 1;
  length_ = lengths == 1 ? std::stoull(std::string(length)) : 0;
  request_.has_body = chunked_ || length_ > 0;
  return Progress::head;
}

RequestReader::Progress RequestReader::feed_body(std::string_view input, std::size_t& consumed) {
  if (!chunked_) {  // not through Beast, which would allocate what the client merely announced
    consumed = std::min(input.size(), length_ - body_.size());
    body_.append(input.substr(0, consumed));
    if (body_.size() < length_) return Progress::need_more;
    request_.body = std::move(body_);
    inside_ = false;
    return Progress::complete;
  }
  auto& beast = parser_->beast;
  while (!beast.is_done()) {
    if (consumed == input.size()) return Progress::need_more;
    boost::system::error_code ec;
    consumed += beast.put(boost::asio::const_buffer(input.data() + consumed, input.size() - consumed), ec);
    if (ec == http::error::need_more) {
      const auto rest =
          input.substr(consumed);  // of a chunk's header or of the trailer: lines that Beast waits for the end of
      if (rest.size() > limits_.header_bytes) return refuse(400, "a chunk header or trailer is too long");
      for (auto at = rest.find('\n'); at != std::string_view::npos; at = rest.find('\n', at + 1)) {
        if (at == 0 || rest[at - 1] != '\r') return refuse(400, "a line feed without a carriage return in the chunks");
      }
      return Progress::need_more;
    }
    if (ec == http::error::body_limit) {
      return refuse(413, "the body is larger than " + std::to_string(limits_.body_bytes) + " bytes");
    }
    if (ec) return refuse(400, "malformed body: " + ec.message());
  }
  request_.body = std::move(beast.get().body());
  inside_ = false;
  return Progress::complete;
}

}  // namespace zenith::gateway
