// Any bytes as the header and body of a form: fields or an error, never a read outside the body.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/transcription_request.hpp"
#include "http/multipart.hpp"

using namespace zenith;
using namespace zenith::gateway;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto cut = text.find('\n');
  if (cut == std::string_view::npos) return 0;
  const std::string_view type = text.substr(0, cut), body = text.substr(cut + 1);
  (void)is_multipart(type);
  const auto parts = parse_multipart(type, body);
  if (!parts) return 0;
  if (parts->size() > FormLimits{}.parts) std::abort();
  std::size_t end = 0;
  for (const auto& part : *parts) {
    if (part.name.empty() || part.offset < end || part.size > body.size() || part.offset > body.size() - part.size)
      std::abort();
    end = part.offset + part.size;
  }
  const auto request = read_transcription_request(*parts, body);
  if (request && (request->size == 0 || request->offset + request->size > body.size())) std::abort();
  return 0;
}
