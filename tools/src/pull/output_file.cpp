#include "pull/output_file.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "zenith/tools/progress.hpp"

namespace zenith::tools {

struct OutputFile::Hash {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  Hash() { EVP_DigestInit_ex(context, EVP_sha256(), nullptr); }
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;
  ~Hash() { EVP_MD_CTX_free(context); }
  void add(std::span<const std::byte> bytes) { EVP_DigestUpdate(context, bytes.data(), bytes.size()); }
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_DigestFinal_ex(context, digest.data(), &size);
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
      text += "0123456789abcdef"[digest[i] >> 4];
      text += "0123456789abcdef"[digest[i] & 15];
    }
    return text;
  }
};

Error file_error(const std::filesystem::path& path, int code, const std::string& doing) {
  if (code == ENOSPC || code == EDQUOT || code == EFBIG) {
    std::error_code error;
    const auto space = std::filesystem::space(path.parent_path(), error);
    const std::string free = error ? "" : ": " + human_bytes(space.available) + " are free there";
    return {Errc::io, "disk full or quota reached while " + doing + " " + path.string() + free, "models.dir", {}};
  }
  return {
      Errc::io, doing + " " + path.string() + " failed: " + std::generic_category().message(code), "models.dir", {}};
}

OutputFile::OutputFile(std::filesystem::path path, int fd, std::uint64_t most)
    : path_(std::move(path)), fd_(fd), most_(most), hash_(std::make_unique<Hash>()) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      most_(other.most_),
      written_(other.written_),
      hash_(std::move(other.hash_)) {}

OutputFile::~OutputFile() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(path_.c_str());
}

Expected<OutputFile> OutputFile::create(const std::filesystem::path& path, std::uint64_t most) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return tl::make_unexpected(file_error(path, errno, "creating"));
  return OutputFile{path, fd, most};
}

Status OutputFile::write(std::span<const std::byte> bytes) {
  if (bytes.size() > most_ - written_) {
    return fail(Errc::bad_file,
                path_.filename().string() + " is longer than the " + std::to_string(most_) + " bytes it must have");
  }
  hash_->add(bytes);
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return tl::make_unexpected(file_error(path_, errno, "writing"));
    }
    written_ += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Expected<std::string> OutputFile::finish() {
  if (fsync(fd_) != 0) return tl::make_unexpected(file_error(path_, errno, "flushing"));
  const int fd = std::exchange(fd_, -1);
  if (close(fd) != 0) {
    const int code = errno;
    unlink(path_.c_str());
    return tl::make_unexpected(file_error(path_, code, "closing"));
  }
  return hash_->hex();
}

Status sync_folder(const std::filesystem::path& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return tl::make_unexpected(file_error(folder, errno, "opening"));
  const int result = fsync(fd);
  const int code = errno;
  close(fd);
  if (result != 0) return tl::make_unexpected(file_error(folder, code, "flushing"));
  return {};
}

}  // namespace zenith::tools
