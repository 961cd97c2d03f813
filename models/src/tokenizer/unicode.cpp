#include "tokenizer/unicode.hpp"

#include <algorithm>
#include <span>
#include <unordered_map>

#include "tokenizer/unicode_data.hpp"

namespace zenith::models::unicode {
namespace {

// Unicode 16, section 3.12: conjoining jamo behaviour.
constexpr char32_t kHangulFirst = 0xAC00, kHangulCount = 11172, kLeadFirst = 0x1100, kVowelFirst = 0x1161,
                   kTrailFirst = 0x11A7;
constexpr char32_t kVowelCount = 21, kTrailCount = 28;

std::uint8_t combining_class(char32_t cp) noexcept {
  const auto* end = kCombiningRuns + kCombiningRunCount;
  const auto* run =
      std::upper_bound(kCombiningRuns, end, cp, [](char32_t c, const CombiningRun& r) { return c < r.first; });
  if (run == kCombiningRuns || cp > (run - 1)->last) return 0;
  return (run - 1)->combining_class;
}

using Decompositions = std::unordered_map<char32_t, std::span<const std::uint32_t>>;

const Decompositions& decompositions() {
  static const Decompositions map = [] {
    Decompositions m;
    for (std::size_t i = 0; i < kDecompositionSize;) {
      const std::size_t length = kDecompositions[i] & 7;
      m.emplace(static_cast<char32_t>(kDecompositions[i] >> 3), std::span{kDecompositions + i + 1, length});
      i += length + 1;
    }
    return m;
  }();
  return map;
}

}  // namespace

const ClassTable& ClassTable::get() {
  static const ClassTable table;
  return table;
}

ClassTable::ClassTable() {
  std::unordered_map<std::string_view, std::uint16_t> seen;
  std::vector<std::uint8_t> all(0x110000);
  for (std::size_t r = 0; r < kClassRunCount; ++r) {
    const std::size_t first = kClassRuns[r] >> 8, end = r + 1 < kClassRunCount ? kClassRuns[r + 1] >> 8 : all.size();
    std::fill(all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(end),
              static_cast<std::uint8_t>(kClassRuns[r] & 0xFF));
  }
  for (std::size_t b = 0; b < stage1_.size(); ++b) {
    const std::string_view block{reinterpret_cast<const char*>(all.data()) + b * 128, 128};
    const auto [it, fresh] = seen.emplace(block, static_cast<std::uint16_t>(blocks_.size() / 128));
    if (fresh) blocks_.insert(blocks_.end(), block.begin(), block.end());
    stage1_[b] = it->second;
  }
}

char32_t lower(char32_t cp) noexcept {
  if (cp < 0x80) return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
  if (cp == 0x130) return 'i';
  const auto* end = kLowerRuns + kLowerRunCount;
  const auto* run = std::upper_bound(kLowerRuns, end, cp, [](char32_t c, const LowerRun& r) { return c < r.first; });
  for (int back = 0; back < 2 && run != kLowerRuns; ++back) {
    --run;
    if (cp <= run->last && (cp - run->first) % run->step == 0)
      return static_cast<char32_t>(static_cast<std::int32_t>(cp) + run->delta);
  }
  return cp;
}

void decompose(std::vector<char32_t>& text) {
  if (std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 0xC0; })) return;
  const Decompositions& map = decompositions();
  std::vector<char32_t> out;
  out.reserve(text.size() + text.size() / 2);
  for (const char32_t cp : text) {
    if (cp >= kHangulFirst && cp < kHangulFirst + kHangulCount) {
      const char32_t index = cp - kHangulFirst;
      out.push_back(kLeadFirst + index / (kVowelCount * kTrailCount));
      out.push_back(kVowelFirst + index % (kVowelCount * kTrailCount) / kTrailCount);
      if (index % kTrailCount != 0) out.push_back(kTrailFirst + index % kTrailCount);
    } else if (const auto it = cp < 0xC0 ? map.end() : map.find(cp); it != map.end()) {
      out.insert(out.end(), it->second.begin(), it->second.end());
    } else {
      out.push_back(cp);
    }
  }
  for (std::size_t i = 0; i < out.size();) {
    if (combining_class(out[i]) == 0) {
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    while (end < out.size() && combining_class(out[end]) != 0) ++end;
    std::stable_sort(out.begin() + static_cast<std::ptrdiff_t>(i), out.begin() + static_cast<std::ptrdiff_t>(end),
                     [](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
    i = end;
  }
  text = std::move(out);
}

}  // namespace zenith::models::unicode
