// Sound as clients send and get it: base64, PCM, G.711, sample rates.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zenith::gateway::realtime {

enum class Encoding : std::uint8_t { pcm /* s16le, 24 kHz */, pcmu /* G.711 µ-law, 8 kHz */, pcma /* A-law, 8 kHz */ };

std::string_view media_type(Encoding encoding) noexcept;  ///< "audio/pcm", "audio/pcmu", "audio/pcma"
std::uint32_t rate_of(Encoding encoding) noexcept;        ///< Hz
std::size_t sample_bytes(Encoding encoding) noexcept;     ///< of one sample: 2 or 1

/// @pre bytes.size() is a multiple of sample_bytes(). Appends to `out`.
void decode(Encoding encoding, std::string_view bytes, std::vector<std::int16_t>& out);
std::string encode(Encoding encoding, std::span<const std::int16_t> samples);

/// A whole wav of one channel, s16le.
std::string wav_file(std::uint32_t rate_hz, std::span<const std::int16_t> samples);

/// The same of samples that are bytes already.
std::string wav_of(std::uint32_t rate_hz, const std::string& pcm);

/// G.711, one sample. Source: ITU-T G.711 (1988), tables 1 and 2.
std::uint8_t to_mu_law(std::int16_t sample) noexcept;
std::int16_t from_mu_law(std::uint8_t code) noexcept;
std::uint8_t to_a_law(std::int16_t sample) noexcept;
std::int16_t from_a_law(std::uint8_t code) noexcept;

/// Strict: RFC 4648's alphabet with padding, nothing else, no stray bits. @returns nothing for other text.
std::optional<std::string> base64_decode(std::string_view text);

/// A stream of one channel from one rate to another; equal rates pass unchanged. One thread at a time.
class Resampler {
 public:
  Resampler(std::uint32_t from_hz, std::uint32_t to_hz);
  ~Resampler();
  Resampler(Resampler&&) noexcept;
  Resampler& operator=(Resampler&&) noexcept;
  /// Appends what is ready; a few ms stay inside until more comes.
  void push(std::span<const std::int16_t> in, std::vector<std::int16_t>& out);
  void finish(std::vector<std::int16_t>& out);  ///< what is left; afterwards it begins anew
  bool passes() const noexcept { return !state_; }

 private:
  struct State;
  void run(std::span<const std::int16_t> in, bool last, std::vector<std::int16_t>& out);
  std::unique_ptr<State> state_;  ///< null: equal rates
};

}  // namespace zenith::gateway::realtime
