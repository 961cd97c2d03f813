// The bodies of /v1/vision/ocr and /v1/vision/ui to a typed request.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/image_source.hpp"
#include "http/multipart.hpp"
#include "zenith/core/error.hpp"
#include "zenith/core/value.hpp"

namespace zenith::gateway {

struct VisionRequest {
  ImageSource image;
  std::string model;
};

/// {"image": a data: or https: URL, "model"}. @returns invalid_argument naming the field.
Expected<VisionRequest> read_vision_request(const Value& body);

/// The same as a form, the picture as its field "file".
struct VisionForm {
  std::string model;
  std::size_t offset = 0, size = 0;  ///< of the picture in the body
};

/// @returns invalid_argument naming the field.
Expected<VisionForm> read_vision_form(const std::vector<FormPart>& parts, std::string_view body);

}  // namespace zenith::gateway
