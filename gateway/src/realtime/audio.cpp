#include "realtime/audio.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace zenith::gateway::realtime {
namespace {

constexpr int kMuBias = 132, kMuClip = 8158;

constexpr std::array<std::int8_t, 256> digits() {
  std::array<std::int8_t, 256> out{};
  for (auto& digit : out) digit = -1;
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    out[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  return out;
}
constexpr auto kDigits = digits();

template <class From>
std::array<std::int16_t, 256> table(From from) {
  std::array<std::int16_t, 256> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = from(static_cast<std::uint8_t>(i));
  return out;
}

}  // namespace

std::string_view media_type(Encoding encoding) noexcept {
  switch (encoding) {
    case Encoding::pcm: return "audio/pcm";
    case Encoding::pcmu: return "audio/pcmu";
    case Encoding::pcma: return "audio/pcma";
  }
  return {};
}
std::uint32_t rate_of(Encoding encoding) noexcept { return encoding == Encoding::pcm ? 24000 : 8000; }
std::size_t sample_bytes(Encoding encoding) noexcept { return encoding == Encoding::pcm ? 2 : 1; }

std::uint8_t to_mu_law(std::int16_t sample) noexcept {
  const int sign = sample < 0 ? 0x80 : 0;
  const int shifted = sample >> 2;  // the law is of 14 bits
  const int magnitude = std::min(shifted < 0 ? -shifted : shifted, kMuClip) + kMuBias / 4;
  const int segment = std::bit_width(static_cast<unsigned>(magnitude)) - 6;  // 0 … 7
  const int step = (magnitude >> (segment + 1)) & 0x0f;
  return static_cast<std::uint8_t>(~(sign | segment << 4 | step));
}

std::int16_t from_mu_law(std::uint8_t code) noexcept {
  const int bits = ~code & 0xff;
  const int magnitude = (((bits & 0x0f) << 3) + kMuBias) << ((bits >> 4) & 7);
  return static_cast<std::int16_t>((bits & 0x80) != 0 ? kMuBias - magnitude : magnitude - kMuBias);
}

std::uint8_t to_a_law(std::int16_t sample) noexcept {
  const int sign = sample < 0 ? 0 : 0x80;
  const int magnitude = (sample < 0 ? ~static_cast<int>(sample) : sample) >> 3;  // 0 … 4095
  int code = magnitude >> 1;
  if (magnitude >= 32) {
    const int segment = std::bit_width(static_cast<unsigned>(magnitude)) - 5;  // 1 … 7
    code = segment << 4 | ((magnitude >> segment) & 0x0f);
  }
  return static_cast<std::uint8_t>((code | sign) ^ 0x55);
}

std::int16_t from_a_law(std::uint8_t code) noexcept {
  const int bits = code ^ 0x55;
  const int segment = (bits >> 4) & 7, step = bits & 0x0f;
  const int magnitude = segment == 0 ? (step << 4) + 8 : ((step << 4) + 264) << (segment - 1);
  return static_cast<std::int16_t>((bits & 0x80) != 0 ? magnitude : -magnitude);
}

void decode(Encoding encoding, std::string_view bytes, std::vector<std::int16_t>& out) {
  static const auto mu = table(from_mu_law), a = table(from_a_law);
  out.reserve(out.size() + bytes.size() / sample_bytes(encoding));
  if (encoding == Encoding::pcm) {
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
      const auto low = static_cast<unsigned char>(bytes[i]), high = static_cast<unsigned char>(bytes[i + 1]);
      out.push_back(static_cast<std::int16_t>(static_cast<std::uint16_t>(low | high << 8)));
    }
    return;
  }
  const auto& codes = encoding == Encoding::pcmu ? mu : a;
  for (const char c : bytes) out.push_back(codes[static_cast<unsigned char>(c)]);
}

std::string encode(Encoding encoding, std::span<const std::int16_t> samples) {
  std::string out;
  out.reserve(samples.size() * sample_bytes(encoding));
  for (const std::int16_t sample : samples) {
    switch (encoding) {
      case Encoding::pcm:
        out += static_cast<char>(sample & 0xff);
        out += static_cast<char>((sample >> 8) & 0xff);
        break;
      case Encoding::pcmu: out += static_cast<char>(to_mu_law(sample)); break;
      case Encoding::pcma: out += static_cast<char>(to_a_law(sample)); break;
    }
  }
  return out;
}

std::string wav_file(std::uint32_t rate_hz, std::span<const std::int16_t> samples) {
  return wav_of(rate_hz, encode(Encoding::pcm, samples));
}

std::string wav_of(std::uint32_t rate_hz, const std::string& pcm) {
  std::string out;
  const auto put = [&out](std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  };
  const auto size = static_cast<std::uint32_t>(pcm.size());
  out += "RIFF";
  put(36 + size, 4);
  out += "WAVEfmt ";
  put(16, 4);           // bytes of this chunk
  put(1, 2);            // PCM
  put(1, 2);            // channel
  put(rate_hz, 4);      // samples a second
  put(rate_hz * 2, 4);  // bytes a second
  put(2, 2);            // bytes of a sample
  put(16, 2);           // bits of a sample
  out += "data";
  put(size, 4);
  return out + pcm;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.empty()) return std::string{};
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const std::size_t padded = i + 4 == text.size() ? padding : 0;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const int digit = k < 4 - padded ? kDigits[static_cast<unsigned char>(text[i + k])] : 0;
      if (digit < 0) return std::nullopt;
      group = group << 6 | static_cast<std::uint32_t>(digit);
    }
    if (padded > 0 && (group & (padded == 2 ? 0xffffU : 0xffU)) != 0) return std::nullopt;
    for (std::size_t k = 0; k < 3 - padded; ++k) out += static_cast<char>(group >> (16 - 8 * k) & 0xff);
  }
  return out;
}

}  // namespace zenith::gateway::realtime
