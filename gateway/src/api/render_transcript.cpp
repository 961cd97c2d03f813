#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "json/write.hpp"
#include "zenith/gateway/transcript.hpp"

namespace zenith::gateway {
namespace {

using messages::Transcript;

std::string_view stripped(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string whole_text(const Transcript& t) {
  std::string out;
  for (const auto& segment : t.segments) out += segment.text;
  return std::string{stripped(out)};
}

/// "00:01:02,345" with whatever stands before the milliseconds.
std::string clock(double seconds, char point) {
  const auto ms = static_cast<std::int64_t>(std::llround(seconds * 1000));
  return fmt::format("{:02}:{:02}:{:02}{}{:03}", ms / 3'600'000, ms / 60'000 % 60, ms / 1000 % 60, point, ms % 1000);
}

/// A line of a caption: an arrow or an empty line in it would end it.
std::string caption(std::string_view text) {
  std::string out{stripped(text)};
  std::replace(out.begin(), out.end(), '\n', ' ');
  std::replace(out.begin(), out.end(), '\r', ' ');
  for (std::size_t at = 0; (at = out.find("-->", at)) != std::string::npos;) out.replace(at, 3, "->");
  return out;
}

std::string srt(const Transcript& t) {
  std::string out;
  std::size_t number = 0;
  for (const auto& s : t.segments) {
    out += fmt::format("{}\n{} --> {}\n{}\n\n", ++number, clock(s.start, ','), clock(s.end, ','), caption(s.text));
  }
  return out;
}

std::string vtt(const Transcript& t) {
  std::string out = "WEBVTT\n\n";
  for (const auto& s : t.segments) {
    out += fmt::format("{} --> {}\n{}\n\n", clock(s.start, '.'), clock(s.end, '.'), caption(s.text));
  }
  return out;
}

void write_usage(JsonWriter& w, const Transcript& t) {
  w.key("usage").begin_object().key("type").string("duration").key("seconds");
  w.integer(static_cast<std::int64_t>(std::ceil(t.duration))).end_object();
}

void write_segments(JsonWriter& w, const Transcript& t) {
  w.key("segments").begin_array();
  std::int64_t id = 0;
  for (const auto& s : t.segments) {
    w.begin_object().key("id").integer(id++).key("seek").integer(static_cast<std::int64_t>(s.start * 100));
    w.key("start").number(s.start).key("end").number(s.end).key("text").string(s.text);
    w.key("tokens").begin_array();
    for (const TokenId token : s.tokens) w.integer(token);
    w.end_array().key("temperature").number(s.temperature).key("avg_logprob").number(s.avg_logprob);
    w.key("compression_ratio").number(s.compression_ratio).key("no_speech_prob").number(s.no_speech_prob);
    w.end_object();
  }
  w.end_array();
}

std::string json(const Transcript& t, bool verbose) {
  JsonWriter w;
  w.begin_object();
  if (verbose) {
    w.key("task").string("transcribe").key("language").string(t.language).key("duration").number(t.duration);
  }
  w.key("text").string(whole_text(t));
  if (verbose) write_segments(w, t);
  write_usage(w, t);
  w.end_object();
  return w.take();
}

}  // namespace

RenderedTranscript render_transcript(const Transcript& transcript, TranscriptFormat format) {
  switch (format) {
    case TranscriptFormat::text: return {"text/plain; charset=utf-8", whole_text(transcript) + "\n"};
    case TranscriptFormat::srt: return {"application/x-subrip; charset=utf-8", srt(transcript)};
    case TranscriptFormat::vtt: return {"text/vtt; charset=utf-8", vtt(transcript)};
    case TranscriptFormat::json: return {"application/json", json(transcript, false)};
    case TranscriptFormat::verbose_json: return {"application/json", json(transcript, true)};
  }
  return {};
}

}  // namespace zenith::gateway
