// Value, recursive, and the chat around it.
#pragma once

#include "reader.hpp"
#include "writer.hpp"
#include "zenith/messages/request.hpp"

namespace zenith::links {

At<fb::Chat> write_chat(Writer& w, const messages::Chat& chat);
messages::Chat read_chat(Reader& r, const fb::Chat& from);

}  // namespace zenith::links
