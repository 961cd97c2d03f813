// Keys of TCP links: CurveZMQ pairs in files, and the list of clients that are let in.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "zenith/core/config.hpp"
#include "zenith/core/error.hpp"

namespace zenith::wire {

/// Both in Z85: 40 characters.
struct KeyPair {
  std::string public_key, secret_key;
};

bool is_key(std::string_view text) noexcept;  ///< 40 characters of Z85 that decode

/// A new pair. @returns unsupported when this libzmq has no CURVE.
Expected<KeyPair> make_keys();

/// DIR/NAME.public (0644) and DIR/NAME.secret (0600), each whole or not at all; DIR is made 0700.
/// @returns invalid_argument when one of them exists and `force` is not set, io.
Status save_keys(const std::filesystem::path& dir, const std::string& name, const KeyPair& keys, bool force);

/// @returns not_found naming the file and `zenith keys`, bad_file, unauthorized when others may read the secret (its
/// group may: mounted secrets).
Expected<KeyPair> load_keys(const std::filesystem::path& dir, const std::string& name);

/// ALLOW/NAME.public, whole or not at all; the folder is made. @returns io.
Status allow_key(const std::filesystem::path& allow, const std::string& name, const std::string& public_key);

/// Where [curve] says that keys are, defaults filled in.
struct KeyPlaces {
  std::filesystem::path dir, allow;
};
KeyPlaces key_places(const CurveConfig& config);

/// One key in one file, spaces around it ignored. @returns not_found, bad_file.
Expected<std::string> load_public_key(const std::filesystem::path& file);

/// The public keys of FOLDER/*.public; read again when the folder changes (a file added, renamed or removed).
class AllowList {
 public:
  explicit AllowList(std::filesystem::path folder) : folder_(std::move(folder)) {}
  /// @param key the 32 bytes that a client proved to own. Reads the folder first when it has changed.
  bool allows(std::span<const std::byte, 32> key);
  std::size_t size();  ///< keys in the list now
  const std::filesystem::path& folder() const noexcept { return folder_; }

 private:
  void refresh();
  std::filesystem::path folder_;
  std::set<std::string> keys_;  // Z85
  std::filesystem::file_time_type seen_ = std::filesystem::file_time_type::min();
};

}  // namespace zenith::wire
