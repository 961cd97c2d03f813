#include "api/vision_request.hpp"

#include <set>

#include "api/fields.hpp"
#include "api/form_fields.hpp"
#include "api/members.hpp"

namespace zenith::gateway {
namespace {

constexpr std::size_t kLongestName = 512;

}  // namespace

Expected<VisionRequest> read_vision_request(const Value& body) {
  if (auto ok = only_members(body, {"image", "model"}); !ok) return tl::make_unexpected(ok.error());
  const auto image = member<std::string>(body, "image");
  if (!image) return tl::make_unexpected(image.error());
  if (!*image) return bad_field("image", "is missing");
  auto model = member<std::string>(body, "model");
  if (!model) return tl::make_unexpected(model.error());
  auto source = read_image_source(**image, "image");
  if (!source) return tl::make_unexpected(source.error());
  return VisionRequest{std::move(*source), model->value_or("")};
}

Expected<VisionForm> read_vision_form(const std::vector<FormPart>& parts, std::string_view body) {
  VisionForm out;
  std::set<std::string> seen;
  for (const auto& part : parts) {
    if (!seen.insert(part.name).second) return bad_field(part.name, "is there twice");
    if (part.name == "file") {
      out.offset = part.offset;
      out.size = part.size;
    } else if (part.name == "model") {
      auto text = form_text(part, body, kLongestName);
      if (!text) return tl::make_unexpected(text.error());
      out.model = std::move(*text);
    } else {
      return bad_field(part.name, "is not known in this form; known are file, model");
    }
  }
  if (!seen.contains("file")) return bad_field("file", "is missing");
  if (out.size == 0) return bad_field("file", "is empty");
  return out;
}

}  // namespace zenith::gateway
