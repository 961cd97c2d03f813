#include "pull/archive.hpp"

#include <zip.h>

#include <array>
#include <memory>
#include <set>

namespace zenith::tools {
namespace {

struct CloseZip {
  void operator()(zip_t* zip) const noexcept { zip_discard(zip); }
};
using Zip = std::unique_ptr<zip_t, CloseZip>;
struct CloseMember {
  void operator()(zip_file_t* file) const noexcept { zip_fclose(file); }
};
using Member = std::unique_ptr<zip_file_t, CloseMember>;

constexpr zip_int64_t kMostMembers = 1000;

Expected<Zip> open_zip(const std::filesystem::path& path) {
  int code = 0;
  Zip zip{zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code)};
  if (zip == nullptr) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    return fail(Errc::bad_file, path.filename().string() + " is no sound zip file: " + reason);
  }
  return zip;
}

/// Reads to the end: libzip compares the checksum there.
Status copy_member(zip_t* zip, zip_uint64_t index, const std::string& name, OutputFile& out) {
  const Member member{zip_fopen_index(zip, index, 0)};
  if (member == nullptr) return fail(Errc::bad_file, "member '" + name + "' cannot be read: " + zip_strerror(zip));
  std::array<std::byte, 1 << 16> block;
  for (;;) {
    const zip_int64_t count = zip_fread(member.get(), block.data(), block.size());
    if (count < 0) {
      return fail(Errc::bad_file, "member '" + name + "' is broken: " + zip_file_strerror(member.get()));
    }
    if (count == 0) return {};
    if (auto ok = out.write(std::span{block}.first(static_cast<std::size_t>(count))); !ok) return ok;
  }
}

/// Empty when the name may be written below a folder, else why not.
std::string check_name(const std::string& name) {
  if (name.empty()) return "is empty";
  if (name.size() > 1024) return "is longer than 1024 bytes";
  if (name.find('\\') != std::string::npos || name.find(':') != std::string::npos) return "has a backslash or a colon";
  const std::filesystem::path path{name};
  if (path.is_absolute()) return "is absolute";
  for (const auto& part : path) {
    if (part == "..") return "leaves the folder";
  }
  return {};
}

bool is_link(zip_t* zip, zip_uint64_t index) {
  zip_uint8_t system = 0;
  zip_uint32_t attributes = 0;
  if (zip_file_get_external_attributes(zip, index, 0, &system, &attributes) != 0) return false;
  constexpr zip_uint32_t kTypeMask = 0170000, kSymbolicLink = 0120000;
  return system == ZIP_OPSYS_UNIX && ((attributes >> 16) & kTypeMask) == kSymbolicLink;
}

struct Planned {
  zip_uint64_t index = 0;
  std::string name;
  std::uint64_t bytes = 0;
};

/// The regular members, all checked.
Expected<std::vector<Planned>> plan(zip_t* zip, std::uint64_t most) {
  const zip_int64_t count = zip_get_num_entries(zip, 0);
  if (count > kMostMembers) {
    return fail(Errc::bad_file, "the zip has " + std::to_string(count) + " members, at most 1000 are taken");
  }
  std::vector<Planned> all;
  std::set<std::filesystem::path> seen;
  std::uint64_t total = 0;
  for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(count); ++i) {
    zip_stat_t stat;
    if (zip_stat_index(zip, i, 0, &stat) != 0 || (stat.valid & ZIP_STAT_NAME) == 0 ||
        (stat.valid & ZIP_STAT_SIZE) == 0) {
      return fail(Errc::bad_file, "member " + std::to_string(i) + " of the zip has no name or size");
    }
    const std::string name = stat.name;
    if (const auto wrong = check_name(name); !wrong.empty()) {
      return fail(Errc::bad_file, "the zip's member name '" + name + "' " + wrong);
    }
    if (is_link(zip, i)) return fail(Errc::bad_file, "the zip's member '" + name + "' is a symbolic link");
    if (name.back() == '/') continue;
    if (!seen.insert(std::filesystem::path{name}.lexically_normal()).second) {
      return fail(Errc::bad_file, "the zip has the member '" + name + "' twice");
    }
    if (stat.size > most - total) {
      return fail(Errc::bad_file, "the zip unpacks to more than " + std::to_string(most) + " bytes");
    }
    total += stat.size;
    all.push_back({i, name, stat.size});
  }
  return all;
}

}  // namespace

Status extract_member(const std::filesystem::path& zip, std::string_view path, OutputFile& out) {
  auto archive = open_zip(zip);
  if (!archive) return tl::make_unexpected(archive.error());
  const std::string name{path};
  const zip_int64_t index = zip_name_locate(archive->get(), name.c_str(), ZIP_FL_ENC_GUESS);
  if (index < 0) return fail(Errc::not_found, zip.filename().string() + " has no file '" + name + "'");
  return copy_member(archive->get(), static_cast<zip_uint64_t>(index), name, out);
}

Expected<std::vector<Extracted>> extract_all(const std::filesystem::path& zip, const std::filesystem::path& folder,
                                             std::uint64_t most) {
  auto archive = open_zip(zip);
  if (!archive) return tl::make_unexpected(archive.error());
  auto members = plan(archive->get(), most);
  if (!members) return tl::make_unexpected(members.error());
  std::vector<Extracted> done;
  for (const auto& member : *members) {
    const auto target = folder / member.name;
    std::error_code error;
    std::filesystem::create_directories(target.parent_path(), error);
    if (error) return tl::make_unexpected(file_error(target.parent_path(), error.value(), "creating"));
    auto out = OutputFile::create(target, member.bytes);
    if (!out) return tl::make_unexpected(out.error());
    if (auto ok = copy_member(archive->get(), member.index, member.name, *out); !ok) {
      return tl::make_unexpected(ok.error());
    }
    auto hash = out->finish();
    if (!hash) return tl::make_unexpected(hash.error());
    done.push_back({member.name, *hash, out->written()});
    if (auto ok = sync_folder(target.parent_path()); !ok) return tl::make_unexpected(ok.error());
  }
  return done;
}

}  // namespace zenith::tools
