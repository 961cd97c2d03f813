#include <samplerate.h>

#include <algorithm>
#include <cmath>
#include <new>

#include "realtime/audio.hpp"

namespace zenith::gateway::realtime {

struct Resampler::State {
  explicit State(double ratio_) : ratio(ratio_), src(src_new(SRC_SINC_FASTEST, 1, nullptr)) {
    if (src == nullptr) throw std::bad_alloc{};
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { src_delete(src); }
  double ratio;
  SRC_STATE* src;
  std::vector<float> in, out;
};

Resampler::Resampler(std::uint32_t from_hz, std::uint32_t to_hz)
    : state_(from_hz == to_hz ? nullptr : std::make_unique<State>(static_cast<double>(to_hz) / from_hz)) {}
Resampler::~Resampler() = default;
Resampler::Resampler(Resampler&&) noexcept = default;
Resampler& Resampler::operator=(Resampler&&) noexcept = default;

void Resampler::push(std::span<const std::int16_t> in, std::vector<std::int16_t>& out) { run(in, false, out); }

void Resampler::finish(std::vector<std::int16_t>& out) {
  run({}, true, out);
  if (state_) src_reset(state_->src);
}

void Resampler::run(std::span<const std::int16_t> in, bool last, std::vector<std::int16_t>& out) {
  if (!state_) {
    out.insert(out.end(), in.begin(), in.end());
    return;
  }
  State& s = *state_;
  s.in.resize(std::max<std::size_t>(in.size(), 1));
  src_short_to_float_array(in.data(), s.in.data(), static_cast<int>(in.size()));
  s.out.resize(static_cast<std::size_t>(std::ceil(static_cast<double>(in.size()) * s.ratio)) + 256);
  std::size_t used = 0;
  for (;;) {
    SRC_DATA data{};
    data.data_in = s.in.data() + used;
    data.input_frames = static_cast<long>(in.size() - used);
    data.data_out = s.out.data();
    data.output_frames = static_cast<long>(s.out.size());
    data.end_of_input = last ? 1 : 0;
    data.src_ratio = s.ratio;
    if (src_process(s.src, &data) != 0) return;  // only for arguments that are never given
    used += static_cast<std::size_t>(data.input_frames_used);
    const std::size_t at = out.size();
    out.resize(at + static_cast<std::size_t>(data.output_frames_gen));
    src_float_to_short_array(s.out.data(), out.data() + at, static_cast<int>(data.output_frames_gen));
    if (used >= in.size() && data.output_frames_gen < data.output_frames) return;
    if (data.input_frames_used == 0 && data.output_frames_gen == 0) return;
  }
}

}  // namespace zenith::gateway::realtime
