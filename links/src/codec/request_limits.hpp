// What the numbers of a request may be: the same for who writes it and who reads it.
#pragma once

#include <string_view>

#include "zenith/messages/request.hpp"

namespace zenith::links {

inline constexpr std::uint32_t kMaxChoices = 128, kMaxTopLogprobs = 128;

/// The first field that is out of range; empty if none is.
std::string_view out_of_range(const messages::Generate& request) noexcept;
std::string_view out_of_range(const messages::Speak& request) noexcept;
std::string_view out_of_range(const messages::Transcribe& request) noexcept;

}  // namespace zenith::links
