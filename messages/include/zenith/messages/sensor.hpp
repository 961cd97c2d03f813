// Sensors: what one is, its frames, a window of it, and what may be asked of it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/tensor.hpp"
#include "zenith/messages/header.hpp"
#include "zenith/messages/receipt.hpp"

namespace zenith::messages {

/// The numbers of zenith_sensor.h, less one.
enum class SampleType : std::uint8_t { u8, i8, u16, i16, u32, i32, u64, i64, f32, f64 };

constexpr std::size_t size_of(SampleType type) noexcept {
  switch (type) {
    case SampleType::u8:
    case SampleType::i8: return 1;
    case SampleType::u16:
    case SampleType::i16: return 2;
    case SampleType::u32:
    case SampleType::i32:
    case SampleType::f32: return 4;
    case SampleType::u64:
    case SampleType::i64:
    case SampleType::f64: return 8;
  }
  return 0;
}

constexpr std::string_view name_of(SampleType type) noexcept {
  constexpr std::string_view names[] = {"u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"};
  return names[static_cast<std::size_t>(type)];
}

/// What becomes of frames that a reader is too slow for. Either way the loss is counted and flagged.
enum class BackPressure : std::uint8_t {
  drop_oldest,  ///< it gets all that the window still has
  latest        ///< it gets the newest
};

/// What a sensor measures; part of its model entry in the directory.
struct SensorEntry {
  std::string plugin, version, kind;  ///< of the plugin's manifest: "host", "1.0.0", "telemetry"
  std::string channel;                ///< its name in the manifest
  std::string unit;                   ///< UCUM
  SampleType dtype = SampleType::f32;
  std::vector<std::uint32_t> shape;  ///< slowest first, at most 4; 0 = any; none: one number
  std::vector<std::string> labels;   ///< of the elements, in order; may be empty
  double rate_hz = 0;                ///< nominal; 0: irregular
  BackPressure policy = BackPressure::drop_oldest;
  bool running = true;
};

// Of FrameHead::flags, as in zenith_sensor.h.
inline constexpr std::uint32_t kFrameGap = 1, kFrameLate = 2, kFrameClipped = 4, kFrameSimulated = 8, kFrameFlags = 15;

struct FrameHead {
  std::uint64_t seq = 0;  ///< of its sensor; goes on when its process was started again
  std::int64_t t_ns = 0;  ///< CLOCK_MONOTONIC of the sensor's host
  std::int64_t wall_ns = 0;
  std::uint32_t flags = 0;

  friend bool operator==(const FrameHead&, const FrameHead&) = default;
};

/// Sequence numbers, both included.
struct SeqRange {
  std::uint64_t first = 0, last = 0;

  friend bool operator==(const SeqRange&, const SeqRange&) = default;
};

inline constexpr std::size_t kMostFrames = 1024;                       ///< of one event
inline constexpr std::size_t kMostFrameBytes = std::size_t{64} << 20;  ///< of one frame, and of one event

/// An event of a Watch: frames of one shape, in order.
struct Frames {
  SampleType dtype = SampleType::f32;
  std::vector<std::uint32_t> dims;  ///< of one frame
  std::vector<FrameHead> heads;     ///< 1 … kMostFrames
  Buffer data;                      ///< the frames' values one after another, dense, little-endian
  std::uint64_t next = 0;  ///< the number to go on from: greater than the last head's, and than what `rate_hz` left out
  std::optional<SeqRange> lost;  ///< just before the first frame: what this client does not get
};

/// A sensor's frames as they come. The answer is a stream: Frames, then Finished when the deadline is over.
struct Watch {
  Header header;
  std::string model;                  ///< the sensor's id
  std::optional<std::uint64_t> from;  ///< the first number that is wanted; absent: what comes from now on
  double rate_hz = 0;                 ///< at most so many frames a second; 0: all
  std::uint32_t credit_events = 16;
};

inline constexpr std::chrono::milliseconds kLongestWindow = std::chrono::minutes(5);

/// The last `window` of a sensor in numbers.
struct ReadWindow {
  Header header;
  std::string model;
  std::chrono::milliseconds window{0};  ///< 1 ms … kLongestWindow
  bool pictures = false;                ///< of a sensor of pictures: some of them, for who can read them
};

/// Of one element over the window, or of all elements when a frame has more than kMostStats.
struct ElementStats {
  std::string label;
  double mean = 0, min = 0, max = 0, last = 0;
  double slope_per_s = 0;  ///< of the line with the least squares; 0 with fewer than three frames
};
inline constexpr std::size_t kMostStats = 16;

/// One that a window of pictures shows.
struct WindowPicture {
  double before_end_s = 0;   ///< from it to the window's end
  std::int64_t wall_ns = 0;  ///< since 1970
  Buffer file;               ///< a BMP
};
inline constexpr std::size_t kMostWindowPictures = 3;
inline constexpr std::size_t kMostWindowPictureBytes = std::size_t{32} << 20;  ///< of all files together

struct Window {
  std::string sensor_id, unit;
  std::chrono::milliseconds window{0};
  std::uint64_t frames = 0;             ///< in the window
  std::uint64_t lost = 0;               ///< numbers that are missing between the first and the last of them
  std::uint64_t gaps = 0;               ///< places where something is missing
  double span_s = 0;                    ///< from the first to the last
  std::vector<ElementStats> elements;   ///< none without frames, none of pictures
  std::string text;                     ///< the same for a reader of English, with units
  std::vector<WindowPicture> pictures;  ///< evenly over the window, the newest last; none shows what the one before
                                        ///< it shows
  Spent spent{};
};

/// Begins or ends a sensor's measuring. Its window stays.
struct SetSensor {
  Header header;
  std::string model;
  bool run = true;
};

/// Loads a plugin into a process of its own, or ends that process. Answered by whoever supervises sensor processes.
struct LoadSensor {
  Header header;
  std::string plugin;   ///< a path, or a name in the plugin folders
  std::string options;  ///< JSON for the plugin; may be empty
};
struct UnloadSensor {
  Header header;
  std::string id;  ///< of the service, or of one of its sensors
};

}  // namespace zenith::messages
