#include "sensor.hpp"

#include <cmath>
#include <numeric>

namespace zenith::links {
namespace {

constexpr std::size_t kMostDims = 4, kMostDim = std::size_t{1} << 24;
constexpr std::uint64_t kMostWindowMs = messages::kLongestWindow.count();

At<flatbuffers::Vector<std::uint32_t>> write_dims(Writer& w, const std::vector<std::uint32_t>& dims) {
  return dims.empty() ? At<flatbuffers::Vector<std::uint32_t>>{} : w.fbb().CreateVector(dims);
}

std::vector<std::uint32_t> read_dims(Reader& r, const flatbuffers::Vector<std::uint32_t>* from,
                                     std::string_view field) {
  const auto n = r.count(from, sizeof(std::uint32_t), field);
  std::vector<std::uint32_t> out;
  if (n > kMostDims) {
    r.fail(field, "has more than 4 dims");
    return out;
  }
  for (flatbuffers::uoffset_t i = 0; i < n; ++i) {
    if (from->Get(i) > kMostDim) r.fail(field, "has a dim beyond 2^24");
    out.push_back(from->Get(i));
  }
  return out;
}

double finite(Reader& r, double value, std::string_view field) {
  if (!std::isfinite(value)) r.fail(field, "is no number");
  return value;
}

messages::SeqRange read_range(Reader& r, const fb::SeqRange& from) {
  if (from.last() < from.first()) r.fail("lost", "ends before it begins");
  return {from.first(), from.last()};
}

/// Bytes of one frame; 0 after a fault.
std::size_t frame_bytes(Reader& r, messages::SampleType type, const std::vector<std::uint32_t>& dims) {
  std::size_t bytes = messages::size_of(type);
  for (const std::uint32_t dim : dims) {
    bytes *= dim;  // at most 2^24 × 2^26 before the check
    if (bytes > messages::kMostFrameBytes) r.fail("dims", "are more than a frame may have");
    if (!r.ok()) return 0;
  }
  return bytes;
}

}  // namespace

At<fb::SensorEntry> write_sensor(Writer& w, const messages::SensorEntry& s) {
  const auto plugin = w.text(s.plugin, "sensor.plugin");
  const auto version = w.text(s.version, "sensor.version");
  const auto kind = w.text(s.kind, "sensor.kind");
  const auto channel = w.text(s.channel, "sensor.channel");
  const auto unit = w.text(s.unit, "sensor.unit");
  const auto shape = write_dims(w, s.shape);
  const auto labels = w.texts(s.labels, "sensor.labels");
  return fb::CreateSensorEntry(w.fbb(), plugin, version, kind, channel, unit, to_fb(s.dtype), shape, labels, s.rate_hz,
                               to_fb(s.policy), s.running);
}

messages::SensorEntry read_sensor(Reader& r, const fb::SensorEntry& from) {
  messages::SensorEntry out;
  out.plugin = r.text(from.plugin(), "sensor.plugin");
  out.version = r.text(from.version(), "sensor.version");
  out.kind = r.text(from.kind(), "sensor.kind");
  out.channel = r.text(from.channel(), "sensor.channel");
  out.unit = r.text(from.unit(), "sensor.unit");
  out.dtype = r.one_of<messages::SampleType>(from.dtype(), "sensor.dtype");
  out.shape = read_dims(r, from.shape(), "sensor.shape");
  out.labels = r.texts(from.labels(), "sensor.labels");
  out.rate_hz = finite(r, from.rate_hz(), "sensor.rate_hz");
  out.policy = r.one_of<messages::BackPressure>(from.policy(), "sensor.policy");
  out.running = from.running();
  return out;
}

At<fb::Frames> write_frames(Writer& w, const messages::Frames& frames) {
  const auto dims = write_dims(w, frames.dims);
  std::vector<fb::FrameHead> heads;
  heads.reserve(frames.heads.size());
  for (const auto& head : frames.heads) heads.emplace_back(head.seq, head.t_ns, head.wall_ns, head.flags);
  const auto heads_at = w.fbb().CreateVectorOfStructs(heads);
  At<fb::SeqRange> lost;
  if (frames.lost) lost = fb::CreateSeqRange(w.fbb(), frames.lost->first, frames.lost->last);
  return fb::CreateFrames(w.fbb(), to_fb(frames.dtype), dims, heads_at, frames.next, lost);
}

Tensor frame_values(const messages::Frames& frames) {
  return Tensor{DType::u8, 1, {static_cast<std::uint32_t>(frames.data.size())}, frames.data};
}

messages::Frames read_frames(Reader& r, const fb::Frames& from, const std::vector<Tensor>& tensors) {
  messages::Frames out;
  out.dtype = r.one_of<messages::SampleType>(from.dtype(), "dtype");
  out.dims = read_dims(r, from.dims(), "dims");
  out.next = from.next();
  if (from.lost() != nullptr) out.lost = read_range(r, *from.lost());
  const auto n = r.count(from.heads(), sizeof(fb::FrameHead), "heads");
  if (n == 0 || n > messages::kMostFrames) r.fail("heads", "are none or too many");
  if (!r.ok()) return out;
  for (flatbuffers::uoffset_t i = 0; i < n; ++i) {
    const fb::FrameHead& head = *from.heads()->Get(i);
    if ((head.flags() & ~messages::kFrameFlags) != 0) r.fail("flags", "has unknown bits");
    if (i > 0 && head.seq() <= out.heads.back().seq) r.fail("seq", "does not grow");
    out.heads.push_back({head.seq(), head.t_ns(), head.wall_ns(), head.flags()});
  }
  if (out.next <= out.heads.back().seq) r.fail("next", "is not after the last frame");
  const std::size_t bytes = frame_bytes(r, out.dtype, out.dims);
  if (tensors.size() != 1 || tensors.front().dtype != DType::u8 || tensors.front().rank != 1 ||
      tensors.front().dims[0] != bytes * n) {
    r.fail("values", "are no u8 tensor of the frames' size");
    return out;
  }
  out.data = tensors.front().data;
  return out;
}

std::vector<messages::WindowPicture> read_pictures(Reader& r, const fb::Window& from,
                                                   const std::vector<Tensor>& tensors) {
  std::vector<messages::WindowPicture> out;
  const auto n = r.count(from.pictures(), 2 * sizeof(flatbuffers::uoffset_t), "pictures");
  if (n > messages::kMostWindowPictures) r.fail("pictures", "are too many");
  if (n != tensors.size()) r.fail("pictures", "are not as many as files came");
  std::size_t bytes = 0;
  for (flatbuffers::uoffset_t i = 0; i < n && r.ok(); ++i) {
    const Tensor& file = tensors[i];
    bytes += file.data.size();
    if (file.dtype != DType::u8 || file.rank != 1 || bytes > messages::kMostWindowPictureBytes) {
      r.fail("pictures", "are no u8 tensors of rank 1, or too large");
      break;
    }
    const fb::WindowPicture& p = *from.pictures()->Get(i);
    out.push_back({finite(r, p.before_end_s(), "before_end_s"), p.wall_ns(), file.data});
  }
  return out;
}

At<fb::Window> write_window(Writer& w, const messages::Window& window) {
  const auto sensor_id = w.text(window.sensor_id, "sensor_id");
  const auto unit = w.text(window.unit, "unit");
  const auto elements = w.rows<fb::ElementStats>(window.elements, [&](const messages::ElementStats& e) {
    const auto label = w.text(e.label, "label");
    return fb::CreateElementStats(w.fbb(), label, e.mean, e.min, e.max, e.last, e.slope_per_s);
  });
  const auto text = w.text(window.text, "text");
  const auto pictures = w.rows<fb::WindowPicture>(window.pictures, [&](const messages::WindowPicture& p) {
    return fb::CreateWindowPicture(w.fbb(), p.before_end_s, p.wall_ns);
  });
  return fb::CreateWindow(w.fbb(), sensor_id, unit, static_cast<std::uint64_t>(window.window.count()), window.frames,
                          window.lost, window.gaps, window.span_s, elements, text, pictures);
}

messages::Window read_window(Reader& r, const fb::Window& from, const std::vector<Tensor>& tensors) {
  messages::Window out;
  out.sensor_id = r.text(from.sensor_id(), "sensor_id");
  out.unit = r.text(from.unit(), "unit");
  if (from.window_ms() > kMostWindowMs) r.fail("window_ms", "is too long");
  out.window = std::chrono::milliseconds{static_cast<std::int64_t>(std::min(from.window_ms(), kMostWindowMs))};
  out.frames = from.frames();
  out.lost = from.lost();
  out.gaps = from.gaps();
  out.span_s = finite(r, from.span_s(), "span_s");
  const auto n = r.count(from.elements(), 2 * sizeof(flatbuffers::uoffset_t), "elements");
  if (n > messages::kMostStats) r.fail("elements", "are too many");
  for (flatbuffers::uoffset_t i = 0; i < n && r.ok(); ++i) {
    const fb::ElementStats& e = *from.elements()->Get(i);
    out.elements.push_back({r.text(e.label(), "label"), finite(r, e.mean(), "mean"), finite(r, e.min(), "min"),
                            finite(r, e.max(), "max"), finite(r, e.last(), "last"),
                            finite(r, e.slope_per_s(), "slope_per_s")});
  }
  out.text = r.text(from.text(), "text");
  out.pictures = read_pictures(r, from, tensors);
  return out;
}

At<fb::Watch> write_work(Writer& w, const messages::Watch& watch) {
  if (!(watch.rate_hz >= 0) || !std::isfinite(watch.rate_hz)) w.fail("rate_hz", "is out of range");
  const auto model = w.text(watch.model, "model");
  flatbuffers::Optional<std::uint64_t> from;
  if (watch.from) from = *watch.from;
  return fb::CreateWatch(w.fbb(), model, from, watch.rate_hz, watch.credit_events);
}

At<fb::ReadWindow> write_work(Writer& w, const messages::ReadWindow& read) {
  const auto ms = read.window.count();
  if (ms < 1 || static_cast<std::uint64_t>(ms) > kMostWindowMs) w.fail("window", "must be from 1 ms to 300 s");
  const auto model = w.text(read.model, "model");
  return fb::CreateReadWindow(w.fbb(), model, static_cast<std::uint64_t>(ms), read.pictures);
}

At<fb::SetSensor> write_work(Writer& w, const messages::SetSensor& set) {
  const auto model = w.text(set.model, "model");
  return fb::CreateSetSensor(w.fbb(), model, set.run);
}

messages::Watch read_work(Reader& r, const fb::Watch& from) {
  messages::Watch out;
  out.model = r.text(from.model(), "model");
  if (const auto first = from.first()) out.from = *first;
  out.rate_hz = finite(r, from.rate_hz(), "rate_hz");
  if (out.rate_hz < 0) r.fail("rate_hz", "is out of range");
  out.credit_events = from.credit_events();
  return out;
}

messages::ReadWindow read_work(Reader& r, const fb::ReadWindow& from) {
  messages::ReadWindow out;
  out.model = r.text(from.model(), "model");
  if (from.window_ms() < 1 || from.window_ms() > kMostWindowMs) r.fail("window", "must be from 1 ms to 300 s");
  out.window = std::chrono::milliseconds{static_cast<std::int64_t>(std::min(from.window_ms(), kMostWindowMs))};
  out.pictures = from.pictures();
  return out;
}

messages::SetSensor read_work(Reader& r, const fb::SetSensor& from) {
  messages::SetSensor out;
  out.model = r.text(from.model(), "model");
  out.run = from.run();
  return out;
}

}  // namespace zenith::links
