#include "zenith/wire/curve.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "system_error.hpp"
#include "zenith/core/log.hpp"

namespace zenith::wire {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kKeyCharacters = 40;

std::string trimmed(std::string text) {
  const auto space = [](unsigned char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), space));
  text.erase(std::find_if_not(text.rbegin(), text.rend(), space).base(), text.end());
  return text;
}

/// A file beside the place, then a name for it: `link` for a new file, so that no writer replaces another's.
Status write_whole(const fs::path& file, const std::string& text, mode_t mode, bool replace) {
  const fs::path part = file.string() + "." + std::to_string(::getpid()) + ".part";
  ::unlink(part.c_str());
  const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return tl::make_unexpected(system_error("cannot write " + part.string()));
  const bool written = ::fchmod(fd, mode) == 0 &&
                       ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  Status result;
  if (!written) result = tl::make_unexpected(system_error("cannot write " + part.string()));
  ::close(fd);
  if (written) {
    const int placed = replace ? ::rename(part.c_str(), file.c_str()) : ::link(part.c_str(), file.c_str());
    if (placed != 0 && errno == EEXIST) {
      result = fail(Errc::invalid_argument,
                    file.string() + " exists: pass --force to replace it, or choose another --name", file.string());
    } else if (placed != 0) {
      result = tl::make_unexpected(system_error("cannot write " + file.string()));
    }
  }
  ::unlink(part.c_str());
  return result;
}

Expected<std::string> read_key(const fs::path& file, const char* what) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    return fail(Errc::not_found, std::string{"there is no "} + what + " " + file.string() + ": `zenith keys` makes one",
                file.string());
  }
  std::ifstream in{file, std::ios::binary};
  std::string text(256, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  text = trimmed(std::move(text));
  if (!is_key(text)) {
    return fail(Errc::bad_file, file.string() + " holds no CURVE key (40 characters of Z85)", file.string());
  }
  return text;
}

}  // namespace

bool is_key(std::string_view text) noexcept {
  std::array<std::uint8_t, 32> bytes{};
  std::array<char, kKeyCharacters + 1> copy{};
  if (text.size() != kKeyCharacters) return false;
  std::ranges::copy(text, copy.begin());
  return zmq_z85_decode(bytes.data(), copy.data()) != nullptr;
}

Expected<KeyPair> make_keys() {
  std::array<char, kKeyCharacters + 1> open{};
  std::array<char, kKeyCharacters + 1> secret{};
  if (zmq_curve_keypair(open.data(), secret.data()) != 0) {
    return fail(Errc::unsupported, "this libzmq was built without CURVE");
  }
  return KeyPair{open.data(), secret.data()};
}

Status save_keys(const fs::path& dir, const std::string& name, const KeyPair& keys, bool force) {
  if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos) {
    return fail(Errc::invalid_argument, "'" + name + "' cannot be a file's name", "name");
  }
  std::error_code error;
  fs::create_directories(dir.parent_path(), error);
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return tl::make_unexpected(system_error("cannot make " + dir.string()));
  }
  const auto open = dir / (name + ".public");
  const auto secret = dir / (name + ".secret");
  if (!force) {
    for (const auto& file : {open, secret}) {
      if (fs::exists(file, error)) {
        return fail(Errc::invalid_argument,
                    file.string() + " exists: pass --force to replace it, or choose another --name", file.string());
      }
    }
  }
  if (auto ok = write_whole(secret, keys.secret_key + "\n", 0600, force); !ok) return ok;
  return write_whole(open, keys.public_key + "\n", 0644, force);
}

Status allow_key(const fs::path& allow, const std::string& name, const std::string& public_key) {
  std::error_code error;
  fs::create_directories(allow, error);
  return write_whole(allow / (name + ".public"), public_key + "\n", 0644, true);
}

KeyPlaces key_places(const CurveConfig& config) {
  fs::path dir = config.dir.empty() ? zenith_home() / "curve" : fs::path{config.dir};
  fs::path allow = config.allow.empty() ? dir / "allow" : fs::path{config.allow};
  return {std::move(dir), std::move(allow)};
}

Expected<KeyPair> load_keys(const fs::path& dir, const std::string& name) {
  const auto secret_file = dir / (name + ".secret");
  auto secret = read_key(secret_file, "secret key");
  if (!secret) return tl::make_unexpected(secret.error());
  struct stat info{};
  if (stat(secret_file.c_str(), &info) != 0 || (info.st_mode & 0027) != 0) {
    return fail(Errc::unauthorized, "others may read or write " + secret_file.string() + ": chmod 600 it",
                secret_file.string());
  }
  const auto open_file = dir / (name + ".public");
  auto open = load_public_key(open_file);
  if (!open) return tl::make_unexpected(open.error());
  std::array<char, kKeyCharacters + 1> derived{};
  if (zmq_curve_public(derived.data(), secret->c_str()) != 0 || *open != derived.data()) {
    return fail(Errc::bad_file, open_file.string() + " is not the public half of " + secret_file.string(),
                open_file.string());
  }
  return KeyPair{std::move(*open), std::move(*secret)};
}

Expected<std::string> load_public_key(const fs::path& file) { return read_key(file, "public key"); }

bool AllowList::allows(std::span<const std::byte, 32> key) {
  refresh();
  std::array<char, kKeyCharacters + 1> text{};
  zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(key.data()), key.size());
  return keys_.contains(text.data());
}

std::size_t AllowList::size() {
  refresh();
  return keys_.size();
}

void AllowList::refresh() {
  std::error_code error;
  const auto changed = fs::last_write_time(folder_, error);
  if (error) {
    keys_.clear();
    seen_ = fs::file_time_type::min();
    return;
  }
  // A folder that changed within the clock's grain may change again under the same time.
  const bool settled = fs::file_time_type::clock::now() - changed > std::chrono::seconds(1);
  if (changed == seen_) return;
  seen_ = settled ? changed : fs::file_time_type::min();
  keys_.clear();
  for (fs::directory_iterator it{folder_, error}, end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".public") continue;
    if (auto key = load_public_key(it->path())) {
      keys_.insert(std::move(*key));
    } else {
      log(LogLevel::warn, "curve", "a file of the allow list is left out", {{"reason", key.error().message}});
    }
  }
}

}  // namespace zenith::wire
