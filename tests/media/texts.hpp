// Comparing what was read with what is written.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace zenith::media::testing {

inline std::string without_blanks(std::string text) {
  std::erase(text, ' ');
  return text;
}

/// The last row of Levenshtein's table. @param anywhere of b: what lies before costs nothing.
inline std::vector<std::size_t> edit_row(const std::string& a, const std::string& b, bool anywhere) {
  std::vector<std::size_t> row(b.size() + 1, 0);
  if (!anywhere) {
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row;
}

inline std::size_t edits(const std::string& a, const std::string& b) { return edit_row(a, b, false).back(); }

/// To the part of b that is most like a.
inline std::size_t edits_within(const std::string& a, const std::string& b) {
  const auto row = edit_row(a, b, true);
  return *std::min_element(row.begin(), row.end());
}

struct Blanks {
  std::size_t written = 0, misplaced = 0;
};

/// Blanks inside of a line. @returns nothing when its other characters are written nowhere.
inline std::optional<Blanks> compare_blanks(const std::string& line, const std::vector<std::string>& written) {
  const auto parted = [](const std::string& text, std::string& characters, std::set<std::size_t>& blanks) {
    for (const char c : text) {
      if (c == ' ') {
        blanks.insert(characters.size());
      } else {
        characters += c;
      }
    }
  };
  std::string all, read;
  std::set<std::size_t> truth, ours;
  for (const auto& row : written) {
    parted(row, all, truth);
    all += '\n';
  }
  parted(line, read, ours);
  const std::size_t at = all.find(read);
  if (read.empty() || at == std::string::npos) return std::nullopt;
  Blanks out;
  for (std::size_t i = 1; i < read.size(); ++i) {
    out.written += truth.count(at + i);
    out.misplaced += truth.count(at + i) != ours.count(i) ? 1 : 0;
  }
  return out;
}

}  // namespace zenith::media::testing
