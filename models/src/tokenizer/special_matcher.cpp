#include <algorithm>

#include "tokenizer/vocabulary.hpp"

namespace zenith::models {
namespace {

constexpr std::string_view kUnderline = "\xE2\x96\x81";  // U+2581, SentencePiece's space

}  // namespace

std::uint32_t SpecialMatcher::step(std::uint32_t node, unsigned char byte) const noexcept {
  for (std::uint32_t child = nodes_[node].child; child != 0; child = nodes_[child].sibling) {
    if (nodes_[child].byte == byte) return child;
  }
  return 0;
}

SpecialMatcher::Symbol SpecialMatcher::read(std::string_view text, std::size_t at) const noexcept {
  if (fold_spaces_ && text.substr(at, kUnderline.size()) == kUnderline) return {' ', kUnderline.size()};
  return {static_cast<unsigned char>(text[at]), 1};
}

void SpecialMatcher::add(std::string_view text, TokenId id, bool control) {
  std::uint32_t node = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto [byte, size] = read(text, at);
    std::uint32_t next = at == 0 ? roots_[byte] : step(node, byte);
    if (next == 0) {
      next = static_cast<std::uint32_t>(nodes_.size());
      Node fresh;
      fresh.byte = byte;
      if (at == 0) {
        roots_[byte] = next;
      } else {
        fresh.sibling = nodes_[node].child;
        nodes_[node].child = next;
      }
      nodes_.push_back(fresh);
    }
    node = next;
    at += size;
  }
  if (nodes_[node].id >= 0) return;
  nodes_[node].id = id;
  nodes_[node].control = control;
}

void SpecialMatcher::partition(std::string_view text, const EncodeOptions& options, std::vector<Fragment>& out) const {
  std::size_t done = 0, range = 0;
  const auto& untrusted = options.untrusted;
  for (std::size_t pos = 0; pos < text.size();) {
    const Symbol first = read(text, pos);
    std::uint32_t node = roots_[first.byte];
    if (node == 0) {
      pos += first.size;
      continue;
    }
    while (range < untrusted.size() &&
           (untrusted[range].end <= pos || untrusted[range].end <= untrusted[range].begin)) {
      ++range;
    }
    // Where the next untrusted byte at or after pos is: a control token must end there or before.
    const std::size_t trusted_end = range < untrusted.size() ? std::max(untrusted[range].begin, pos) : text.size();
    TokenId found = -1;
    std::size_t found_end = pos;
    for (std::size_t end = pos + first.size; node != 0;) {
      const Node& at = nodes_[node];
      if (at.id >= 0 && (!at.control || (options.parse_special && end <= trusted_end))) {
        found = at.id;
        found_end = end;
      }
      if (end >= text.size()) break;
      const Symbol next = read(text, end);
      node = step(node, next.byte);
      end += next.size;
    }
    if (found < 0) {
      pos += first.size;
      continue;
    }
    if (done < pos) out.push_back({-1, text.substr(done, pos - done)});
    out.push_back({found, text.substr(pos, found_end - pos)});
    done = pos = found_end;
  }
  if (done < text.size()) out.push_back({-1, text.substr(done)});
}

}  // namespace zenith::models
