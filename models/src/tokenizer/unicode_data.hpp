// The tables that scripts/unicode_tables.py generates; unicode.hpp is what the rest of the tokenizers use.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zenith::models::unicode {

struct LowerRun {
  char32_t first, last;
  std::uint32_t step;
  std::int32_t delta;  ///< lower(x) = x + delta for x = first, first + step, …, last
};

struct CombiningRun {
  char32_t first, last;
  std::uint8_t combining_class;
};

extern const std::uint32_t
    kClassRuns[];  ///< first code point << 8 | class, ascending; a run ends where the next begins
extern const std::size_t kClassRunCount;
extern const LowerRun kLowerRuns[];  ///< ascending by first; runs with step 2 may interleave with their neighbour
extern const std::size_t kLowerRunCount;
extern const CombiningRun kCombiningRuns[];  ///< ascending; class 0 is left out
extern const std::size_t kCombiningRunCount;
extern const std::uint32_t
    kDecompositions[];  ///< code point << 3 | length, then the full canonical decomposition; ascending
extern const std::size_t kDecompositionSize;

}  // namespace zenith::models::unicode
