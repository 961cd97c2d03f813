// What was found in a picture, in and out of a body.
#pragma once

#include "reader.hpp"
#include "writer.hpp"

namespace zenith::links {

At<fb::ImageReading> write_reading(Writer& w, const messages::ImageReading& reading);
/// Boxes and confidences are numbers, children come after their parent, every place is one of the list.
messages::ImageReading read_reading(Reader& r, const fb::ImageReading& from);

}  // namespace zenith::links
