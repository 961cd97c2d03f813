#include "piper_config.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "zenith/core/utf8.hpp"

namespace zenith::media {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMostSymbols = 1024;

tl::unexpected<Error> bad(const std::string& key, const std::string& what) {
  return fail(Errc::bad_file, "the voice's configuration: " + key + " " + what, key);
}

Expected<float> scale(const Json& inference, const char* key, float otherwise) {
  const auto at = inference.find(key);
  if (at == inference.end()) return otherwise;
  if (!at->is_number()) return bad(std::string{"inference."} + key, "is no number");
  const auto value = at->get<float>();
  if (!std::isfinite(value) || value < 0 || value > 10) return bad(std::string{"inference."} + key, "is out of range");
  return value;
}

Status read_ids(const Json& map, PiperConfig& out) {
  for (const auto& [name, list] : map.items()) {
    std::size_t at = 0;
    const char32_t symbol = name.empty() ? kInvalidCodepoint : utf8_next(name, at);
    if (symbol == kInvalidCodepoint || at != name.size())
      return bad("phoneme_id_map", "has a key that is no character");
    if (!list.is_array()) return bad("phoneme_id_map", "has an entry that is no list");
    for (const auto& id : list) {
      if (!id.is_number_integer() || id < 0 || id >= kMostSymbols)
        return bad("phoneme_id_map", "has a number out of range");
      out.ids[symbol].push_back(id.get<std::int64_t>());
    }
  }
  for (const char32_t needed : {U'^', U'$', U'_'}) {
    const auto at = out.ids.find(needed);
    if (at == out.ids.end() || at->second.empty()) return bad("phoneme_id_map", "lacks one of ^ $ _");
  }
  return {};
}

void append(std::vector<std::int64_t>& to, const std::vector<std::int64_t>& ids) {
  to.insert(to.end(), ids.begin(), ids.end());
}

}  // namespace

Expected<PiperConfig> read_piper_config(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return bad("the file", "is no JSON object");
  PiperConfig out;
  const Json audio = json.value("audio", Json::object());
  const auto rate = audio.is_object() ? audio.find("sample_rate") : audio.end();
  if (rate == audio.end() || !rate->is_number_integer()) return bad("audio.sample_rate", "is missing");
  if (*rate < 8000 || *rate > 48000) return bad("audio.sample_rate", "is out of range");
  out.sample_rate = rate->get<std::uint32_t>();
  if (const auto speakers = json.find("num_speakers"); speakers != json.end() && *speakers != 1) {
    return bad("num_speakers", "is not 1: voices of several speakers are not served");
  }
  if (const auto name = json.find("dataset"); name != json.end() && name->is_string()) out.voice = *name;
  if (out.voice.empty()) return bad("dataset", "is missing: it names the voice");
  const Json inference = json.value("inference", Json::object());
  if (!inference.is_object()) return bad("inference", "is no object");
  for (const auto& [key, to] : {std::pair{"noise_scale", &out.noise_scale},
                                std::pair{"length_scale", &out.length_scale}, std::pair{"noise_w", &out.noise_w}}) {
    auto value = scale(inference, key, *to);
    if (!value) return tl::make_unexpected(value.error());
    *to = *value;
  }
  const auto map = json.find("phoneme_id_map");
  if (map == json.end() || !map->is_object()) return bad("phoneme_id_map", "is missing");
  if (auto ok = read_ids(*map, out); !ok) return tl::make_unexpected(ok.error());
  return out;
}

std::vector<std::int64_t> phoneme_ids(const PiperConfig& config, std::string_view ipa) {
  const auto& pad = config.ids.at(U'_');
  std::vector<std::int64_t> ids = config.ids.at(U'^');
  append(ids, pad);
  for (std::size_t at = 0; at < ipa.size();) {
    const auto found = config.ids.find(utf8_next(ipa, at));
    if (found == config.ids.end()) continue;
    append(ids, found->second);
    append(ids, pad);
  }
  append(ids, config.ids.at(U'$'));
  return ids;
}

}  // namespace zenith::media
