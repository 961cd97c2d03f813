#include "plugin.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <fstream>
#include <system_error>

namespace zenith::sensorhost {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLoadLimit{5000}, kOpenLimit{10'000}, kCallLimit{2000};
constexpr int kText = 256;

tl::unexpected<Error> bad(std::string what) { return fail(Errc::bad_file, std::move(what), "plugin"); }

std::string reason(int negative_errno) { return std::generic_category().message(-negative_errno); }

/// What a plugin wrote into 256 bytes, bounded and printable.
std::string printable(const char (&text)[kText]) {
  std::string out;
  for (std::size_t i = 0; i < kText - 1 && text[i] != 0; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    out += c >= 0x20 && c != 0x7f ? static_cast<char>(c) : '?';
  }
  return out;
}

template <class Head>
bool right_machine(const Head& head) {
  return head.e_type == ET_DYN && head.e_machine == EM_X86_64;
}

}  // namespace

Status check_library(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) return fail(Errc::not_found, fmt::format("there is no readable file {}", path.string()), "plugin");
  Elf64_Ehdr head{};
  file.read(reinterpret_cast<char*>(&head), sizeof head);
  if (file.gcount() != sizeof head || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
    return bad(fmt::format("{} is no shared library (no ELF file)", path.string()));
  }
#if defined(__x86_64__)
  if (head.e_ident[EI_CLASS] != ELFCLASS64 || !right_machine(head)) {
    return bad(fmt::format("{} is no shared library for this machine (ELF class {}, machine {}, type {})",
                           path.string(), head.e_ident[EI_CLASS], head.e_machine, head.e_type));
  }
#endif
  return {};
}

Expected<std::unique_ptr<Plugin>> Plugin::load(const std::filesystem::path& path, OnCall on_call) {
  if (auto ok = check_library(path); !ok) return tl::make_unexpected(ok.error());
  on_call(SensorPhase::loading, kLoadLimit);
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    return bad(fmt::format("{} cannot be loaded: {}", path.string(), why != nullptr ? why : "no reason was given"));
  }
  using Entry = const zenith_sensor_v1* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(library, "zenith_sensor_entry"));
  if (entry == nullptr)
    return bad(fmt::format("{} is no sensor plugin: it has no symbol zenith_sensor_entry", path.string()));
  on_call(SensorPhase::entry, kCallLimit);
  const zenith_sensor_v1* given = entry();
  if (given == nullptr) return bad("zenith_sensor_entry returned nothing");
  // The first two members say whether the others are there.
  if (given->abi != ZENITH_SENSOR_ABI) {
    return bad(
        fmt::format("{} was made for sensor ABI {}, this Zenith speaks {}: build it against the installed "
                    "zenith_sensor.h",
                    path.string(), given->abi, ZENITH_SENSOR_ABI));
  }
  if (given->size < sizeof(zenith_sensor_v1)) {
    return bad(fmt::format("the plugin's table has {} bytes, {} are needed", given->size, sizeof(zenith_sensor_v1)));
  }
  zenith_sensor_v1 table = *given;
  if (table.open == nullptr || table.start == nullptr || table.read_batch == nullptr || table.release == nullptr ||
      table.health == nullptr || table.stop == nullptr || table.close == nullptr) {
    return bad("the plugin's table has an empty call");
  }
  if (table.manifest == nullptr) return bad("the plugin has no manifest");
  const std::string_view text{table.manifest, strnlen(table.manifest, kManifestBytes + 1)};
  auto manifest = read_manifest(text);
  if (!manifest) return tl::make_unexpected(manifest.error());
  on_call(SensorPhase::idle, {});
  return std::unique_ptr<Plugin>(new Plugin(library, table, std::move(*manifest), std::move(on_call)));
}

// The library stays: threads of a plugin that did not end well may still be in it.
Plugin::~Plugin() { close(); }

template <class Call>
auto Plugin::in(SensorPhase phase, milliseconds limit, Call call) {
  on_call_(phase, limit);
  const auto result = call();
  on_call_(SensorPhase::idle, {});
  return result;
}

Status Plugin::open(const std::string& options) {
  char why[kText] = {};
  const std::string json = options.empty() ? "{}" : options;
  self_ = in(SensorPhase::open, kOpenLimit, [&] { return table_.open(json.c_str(), why); });
  if (self_ != nullptr) return {};
  const std::string text = printable(why);
  return fail(Errc::unavailable, "the plugin cannot be opened: " + (text.empty() ? "it gives no reason" : text));
}

Status Plugin::start() {
  const int result = in(SensorPhase::start, kOpenLimit, [&] { return table_.start(self_); });
  if (result != 0) return fail(Errc::io, "the plugin does not start: " + reason(result));
  return {};
}

Expected<int> Plugin::read(milliseconds wait, std::vector<zenith_frame>& out) {
  const int room = static_cast<int>(out.size());
  const int n = in(SensorPhase::read_batch, wait + kCallLimit,
                   [&] { return table_.read_batch(self_, static_cast<int>(wait.count()), out.data(), room); });
  if (n < 0) return fail(Errc::io, "read_batch failed: " + reason(n));
  if (n > room) return fail(Errc::bad_frame, fmt::format("read_batch says {} frames, there was room for {}", n, room));
  return n;
}

void Plugin::release(std::vector<zenith_frame>& frames, int n) {
  in(SensorPhase::release, kCallLimit, [&] {
    table_.release(self_, frames.data(), n);
    return 0;
  });
}

Status Plugin::health(std::string& text) {
  char said[kText] = {};
  const int result = in(SensorPhase::health, kCallLimit, [&] { return table_.health(self_, said); });
  text = printable(said);
  if (result != 0) return fail(Errc::unavailable, text.empty() ? reason(result) : text);
  return {};
}

Status Plugin::stop() {
  const int result = in(SensorPhase::stop, kCallLimit, [&] { return table_.stop(self_); });
  if (result != 0) return fail(Errc::io, "the plugin does not stop: " + reason(result));
  return {};
}

void Plugin::close() {
  if (self_ == nullptr) return;
  in(SensorPhase::close, kCallLimit, [&] {
    table_.close(self_);
    return 0;
  });
  self_ = nullptr;
}

}  // namespace zenith::sensorhost
