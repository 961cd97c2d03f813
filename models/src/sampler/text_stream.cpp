#include "zenith/models/sampler/text_stream.hpp"

#include <algorithm>
#include <utility>

#include "zenith/core/utf8.hpp"

namespace zenith::models {
namespace {

// Length of the longest suffix of `text` that is a proper prefix of `word`.
std::size_t open_match(std::string_view text, std::string_view word) noexcept {
  for (std::size_t n = std::min(text.size(), word.empty() ? 0 : word.size() - 1); n > 0; --n) {
    if (text.substr(text.size() - n) == word.substr(0, n)) return n;
  }
  return 0;
}

constexpr std::size_t kHeldBlank = 64;  // blanks that may wait for a tag

void erase_leading_newlines(std::string& text) { text.erase(0, std::min(text.find_first_not_of('\n'), text.size())); }

// How many of the last kHeldBlank bytes of `text` are a run of newlines at its end.
std::size_t trailing_newlines(std::string_view text) noexcept {
  std::size_t n = 0;
  while (n < text.size() && n < kHeldBlank && text[text.size() - 1 - n] == '\n') ++n;
  return n;
}

}  // namespace

TextStream::TextStream(std::vector<std::string> stop) : stop_(std::move(stop)) {
  std::erase_if(stop_, [](const std::string& s) { return s.empty(); });
}

TextStream::Out TextStream::push(std::string_view bytes) {
  if (stopped_) return {"", true};
  held_ += bytes;

  // The stop string that is complete first wins, the longer one if two end together: the same whatever the split of the
  // bytes.
  std::size_t begin = std::string::npos, end = std::string::npos;
  for (const std::string& stop : stop_) {
    const std::size_t at = held_.find(stop);
    if (at == std::string::npos) continue;
    if (at + stop.size() < end || (at + stop.size() == end && at < begin)) {
      begin = at;
      end = at + stop.size();
    }
  }
  if (begin != std::string::npos) {
    stopped_ = true;
    Out out{utf8_lossy(std::string_view{held_}.substr(0, begin)), true};
    held_.clear();
    return out;
  }
  std::size_t safe = held_.size();
  for (const std::string& stop : stop_) safe = std::min(safe, held_.size() - open_match(held_, stop));
  safe = utf8_complete_prefix(std::string_view{held_}.substr(0, safe));
  Out out{utf8_lossy(std::string_view{held_}.substr(0, safe)), false};
  held_.erase(0, safe);
  return out;
}

TextStream::Out TextStream::finish() {
  Out out{utf8_lossy(held_), stopped_};
  held_.clear();
  return out;
}

ReasoningSplitter::ReasoningSplitter(std::string open, std::string close, bool starts_inside)
    : open_(std::move(open)),
      close_(std::move(close)),
      at_(starts_inside ? At::inside : At::start),
      trim_(starts_inside) {}

bool ReasoningSplitter::leave_start() {
  const std::size_t first = held_.find_first_not_of(" \t\r\n");
  if (open_.empty() || (first == std::string::npos && held_.size() > kHeldBlank)) {
    at_ = At::after;
    return true;
  }
  if (first == std::string::npos) return false;
  const std::string_view rest = std::string_view{held_}.substr(first);
  if (first <= kHeldBlank && rest.starts_with(open_)) {
    held_.erase(0, first + open_.size());
    at_ = At::inside;
    trim_ = true;
    return true;
  }
  if (std::string_view{open_}.starts_with(rest) && first <= kHeldBlank) return false;
  at_ = At::after;
  return true;
}

bool ReasoningSplitter::leave_inside(std::string& reasoning) {
  if (trim_) erase_leading_newlines(held_);
  if (held_.empty()) return false;
  trim_ = false;
  const std::size_t close = close_.empty() ? std::string::npos : held_.find(close_);
  const std::size_t end = close != std::string::npos ? close : held_.size() - open_match(held_, close_);
  const std::size_t blank = trailing_newlines(std::string_view{held_}.substr(0, end));
  reasoning.append(held_, 0, end - blank);
  if (close == std::string::npos) {
    held_.erase(0, end - blank);
    return false;
  }
  held_.erase(0, close + close_.size());
  at_ = At::after;
  trim_ = true;
  return true;
}

ReasoningSplitter::Out ReasoningSplitter::push(std::string_view text) {
  Out out;
  held_ += text;
  if (at_ == At::start && !leave_start()) return out;
  if (at_ == At::inside && !leave_inside(out.reasoning)) return out;
  if (trim_) erase_leading_newlines(held_);
  if (held_.empty()) return out;
  trim_ = false;
  out.content = std::exchange(held_, {});
  return out;
}

ReasoningSplitter::Out ReasoningSplitter::finish() {
  Out out;
  (at_ == At::inside ? out.reasoning : out.content) = std::exchange(held_, {});
  return out;
}

}  // namespace zenith::models
