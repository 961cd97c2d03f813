#include "kokoro_files.hpp"

#include <zip.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "zenith/core/utf8.hpp"

namespace zenith::media {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostVoices = 256, kMostRows = 1024;
constexpr std::int64_t kMostSymbols = 1024;

struct Symbol {
  std::string_view ipa, is;
};
// Longer ones first.
constexpr std::array<Symbol, 14> kSymbols{{{"ɜːɹ", "ɜɹ"},
                                           {"aɪ", "I"},
                                           {"aʊ", "W"},
                                           {"eɪ", "A"},
                                           {"oʊ", "O"},
                                           {"ɔɪ", "Y"},
                                           {"dʒ", "ʤ"},
                                           {"tʃ", "ʧ"},
                                           {"əl", "ᵊl"},
                                           {"ɜː", "ɜɹ"},
                                           {"ɚ", "əɹ"},
                                           {"ɐ", "ə"},
                                           {"ɾ", "T"},
                                           {"ː", ""}}};

std::string symbols_of(std::string_view ipa) {
  std::string out;
  while (!ipa.empty()) {
    const Symbol* found = nullptr;
    for (const Symbol& symbol : kSymbols) {
      if (found == nullptr && ipa.starts_with(symbol.ipa)) found = &symbol;
    }
    if (found != nullptr) {
      out += found->is;
      ipa.remove_prefix(found->ipa.size());
    } else {
      out += ipa.front();
      ipa.remove_prefix(1);
    }
  }
  return out;
}

tl::unexpected<Error> bad(const std::string& what) { return fail(Errc::bad_file, what, "model"); }

struct CloseZip {
  void operator()(zip_t* z) const { zip_discard(z); }
};
struct CloseMember {
  void operator()(zip_file_t* f) const { zip_fclose(f); }
};

/// The payload of an .npy of f32 [rows, 1, 256], version 1.
Expected<KokoroStyle> read_style(std::string_view npy) {
  constexpr std::size_t kHead = 10;
  if (npy.size() < kHead || npy.substr(0, 6) != "\x93NUMPY" || npy[6] != 1) return bad("is no .npy of version 1");
  const std::size_t length =
      static_cast<unsigned char>(npy[8]) + (std::size_t{static_cast<unsigned char>(npy[9])} << 8);
  if (npy.size() < kHead + length) return bad("ends within its head");
  const std::string_view head = npy.substr(kHead, length), data = npy.substr(kHead + length);
  if (head.find("'<f4'") == head.npos || head.find("False") == head.npos) return bad("is not of f32 in C order");
  constexpr std::size_t kRow = kStyleWidth * sizeof(float);
  const std::size_t rows = data.size() / kRow;
  if (rows == 0 || rows > kMostRows || data.size() % kRow != 0) return bad("does not have rows of 256 numbers");
  if (head.find("(" + std::to_string(rows) + ", 1, 256)") == head.npos) return bad("has another shape than its size");
  KokoroStyle style(rows);
  std::memcpy(style.data(), data.data(), data.size());
  for (const auto& row : style) {
    for (const float v : row) {
      if (!std::isfinite(v)) return bad("holds what is no number");
    }
  }
  return style;
}

}  // namespace

Expected<KokoroVocabulary> read_kokoro_vocabulary(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("vocab") || !json["vocab"].is_object()) return bad("vocab: is no object");
  KokoroVocabulary out;
  for (const auto& [symbol, number] : json["vocab"].items()) {
    std::size_t at = 0;
    if (symbol.empty() || !utf8_valid(symbol)) return bad("vocab: a symbol is not one character");
    const char32_t c = utf8_next(symbol, at);
    if (at != symbol.size()) return bad("vocab: a symbol is not one character");
    if (!number.is_number_integer() || number < 1 || number > kMostSymbols)
      return bad("vocab: " + symbol + ": out of range");
    out[c] = number.get<std::int64_t>();
  }
  if (out.empty()) return bad("vocab: is empty");
  return out;
}

Expected<std::map<std::string, KokoroStyle>> read_kokoro_styles(std::string_view npz) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(npz.data(), npz.size(), 0, &error);
  if (source == nullptr) return bad("cannot be read");
  std::unique_ptr<zip_t, CloseZip> zip{zip_open_from_source(source, ZIP_RDONLY, &error)};
  if (!zip) {
    zip_source_free(source);
    return bad("is no zip");
  }
  const auto members = zip_get_num_entries(zip.get(), 0);
  if (members < 1 || members > static_cast<zip_int64_t>(kMostVoices)) return bad("has no voices, or too many");
  std::map<std::string, KokoroStyle> out;
  for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(members); ++i) {
    zip_stat_t stat;
    if (zip_stat_index(zip.get(), i, 0, &stat) != 0 || (stat.valid & ZIP_STAT_SIZE) == 0)
      return bad("has a bad member");
    std::string name = stat.name;
    if (!name.ends_with(".npy") || name.size() > 68) return bad(name.substr(0, 68) + ": is no .npy");
    if (stat.size > kMostRows * kStyleWidth * sizeof(float) + 65546) return bad(name + ": is too large");
    std::unique_ptr<zip_file_t, CloseMember> file{zip_fopen_index(zip.get(), i, 0)};
    std::string bytes(stat.size, '\0');
    if (!file || zip_fread(file.get(), bytes.data(), bytes.size()) != static_cast<zip_int64_t>(bytes.size())) {
      return bad(name + ": cannot be read");
    }
    auto style = read_style(bytes);
    if (!style) return bad(name + ": " + style.error().message);
    out[name.substr(0, name.size() - 4)] = std::move(*style);
  }
  return out;
}

std::vector<std::int64_t> kokoro_tokens(const KokoroVocabulary& vocabulary, std::string_view ipa) {
  const std::string symbols = symbols_of(ipa);
  std::vector<std::int64_t> out;
  for (std::size_t at = 0; at < symbols.size();) {
    const auto found = vocabulary.find(utf8_next(symbols, at));
    if (found != vocabulary.end()) out.push_back(found->second);
  }
  return out;
}

}  // namespace zenith::media
