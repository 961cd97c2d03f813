// Where a picture of a request comes from: its bytes in a data: URL, or an address to fetch it from.
#pragma once

#include <string>

#include "zenith/core/error.hpp"
#include "zenith/core/tensor.hpp"

namespace zenith::gateway {

struct ImageSource {
  std::string field;  ///< of the body, for errors: "messages[0].content[1].image_url"
  Buffer bytes;       ///< empty: it has to be fetched…
  std::string https;  ///< …from here
};

/// @param field named in errors. @returns invalid_argument for what is neither a data: URL of a picture in base64 nor
/// an https: URL (of files, of other schemes, with a name and password in it).
Expected<ImageSource> read_image_source(const std::string& url, const std::string& field);

}  // namespace zenith::gateway
