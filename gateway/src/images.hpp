// The pictures of a request, before it goes on: what has to be fetched is.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "api/image_source.hpp"
#include "call.hpp"
#include "generation.hpp"

namespace zenith::gateway {

/// Calls `then` on the loop's thread with the bytes of each, in order: at once when they are there already. A client
/// that goes stops the transfers; a picture that cannot be had answers the call with the field's name.
void with_images(const std::shared_ptr<Call>& call, std::vector<ImageSource> sources,
                 std::function<void(const std::shared_ptr<Call>&, std::vector<Buffer>)> then);

/// The same for a draft: its pictures become parts to be read, and it goes on as one generation.
void start_with_images(const std::shared_ptr<Call>& call, Draft draft, Framing framing);

}  // namespace zenith::gateway
