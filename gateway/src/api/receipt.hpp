// What an answer says about itself: the member "zenith".
#pragma once

#include <string>
#include <vector>

#include "zenith/messages/receipt.hpp"

namespace zenith::gateway {

/// {"modality_path","request_id","receipt"}; without a receipt the path alone. @param path may be empty: then it is
/// left out.
std::string zenith_json(const std::vector<std::string>& path, const std::string& request_id,
                        const messages::Receipt* receipt);

/// An object with one member more. @pre body is a JSON object; member is a name and a value.
std::string with_member(std::string body, const std::string& member);

/// Of the whole hop: what the service did not have it for.
std::uint64_t transfer_us(const messages::Hop& hop) noexcept;
std::uint64_t total_us(const messages::Hop& hop) noexcept;
std::string generation_text(Generation generation);

}  // namespace zenith::gateway
