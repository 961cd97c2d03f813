// Whisper's two networks: a window of mel to keys and values, and the decoder that reads them token by token.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "ct2_model.hpp"
#include "whisper_window.hpp"
#include "zenith/core/error.hpp"
#include "zenith/core/sampling.hpp"

namespace zenith::media {

/// One thread at a time.
class WhisperNet {
 public:
  /// @param cache a folder for compiled graphs; empty: none.
  /// @returns bad_file naming the array that is missing, misshapen or not finite.
  static Expected<std::unique_ptr<WhisperNet>> load(const Ct2Model& model, const std::filesystem::path& cache);
  virtual ~WhisperNet() = default;

  /// @param mel f32 [80, window.frames()] of log_mel(). The decoder reads this window from now on, and has no tokens
  /// yet.
  virtual Status encode(std::span<const float> mel, WhisperWindow window) = 0;
  /// The encoder's last layer for the window, f32 [places, state]; for tests. Valid until the next encode.
  virtual std::span<const float> encoded() const = 0;
  /// Forgets the decoder's tokens; the window stays.
  virtual void restart() = 0;
  /// Appends tokens. @param rows which of them to give logits for, ascending.
  /// @returns f32 [rows, vocabulary], valid until the next call. @pre at most context() tokens in all.
  virtual Expected<std::span<const float>> step(std::span<const TokenId> tokens, std::span<const std::size_t> rows) = 0;

  virtual std::size_t vocabulary() const noexcept = 0;
  virtual std::size_t context() const noexcept = 0;  ///< the most tokens of the decoder
};

}  // namespace zenith::media
