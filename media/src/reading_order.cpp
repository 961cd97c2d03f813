#include "reading_order.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <span>

namespace zenith::media {
namespace {

constexpr std::size_t kFewestLines = 3;  // of a column
constexpr float kLongLine = 6;           // times its height
constexpr float kColumnGap = 0.8F;       // times the height of a line
constexpr float kSameRow = 0.5F;         // of the lower one's height

using Indices = std::span<std::size_t>;

class Page {
 public:
  explicit Page(const std::vector<Bounds>& items) : items_(items) {}

  void order(Indices part) const {
    // A loop for the part below a cut: a page of n lines is n cuts deep.
    while (part.size() > 1) {
      if (const auto cut = columns(part)) {
        order(part.first(*cut));
        part = part.subspan(*cut);
      } else if (const auto below = band(part)) {
        order(part.first(*below));
        part = part.subspan(*below);
      } else {
        return rows(part);
      }
    }
  }

 private:
  float median_height(Indices part) const {
    std::vector<float> heights;
    for (const auto i : part) heights.push_back(items_[i].height());
    std::nth_element(heights.begin(), heights.begin() + static_cast<std::ptrdiff_t>(heights.size() / 2), heights.end());
    return heights[heights.size() / 2];
  }

  bool is_column(Indices part) const {
    if (part.size() < kFewestLines) return false;
    std::vector<float> ratios;
    for (const auto i : part) ratios.push_back(items_[i].width() / std::max(items_[i].height(), 1.0F));
    std::nth_element(ratios.begin(), ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2), ratios.end());
    return ratios[ratios.size() / 2] >= kLongLine;
  }

  /// Sorts by x. @returns how many are left of the first gap between two columns.
  std::optional<std::size_t> columns(Indices part) const {
    if (part.size() < 2 * kFewestLines) return std::nullopt;
    std::stable_sort(part.begin(), part.end(), [&](auto a, auto b) { return items_[a].x0 < items_[b].x0; });
    const float wide = kColumnGap * median_height(part);
    float right = items_[part[0]].x1;
    for (std::size_t i = 1; i < part.size(); ++i) {
      const bool gap = items_[part[i]].x0 - right >= wide;
      if (gap && is_column(part.first(i)) && is_column(part.subspan(i))) return i;
      right = std::max(right, items_[part[i]].x1);
    }
    return std::nullopt;
  }

  /// Sorts by y. @returns how many are above the highest empty band.
  std::optional<std::size_t> band(Indices part) const {
    std::stable_sort(part.begin(), part.end(), [&](auto a, auto b) { return items_[a].y0 < items_[b].y0; });
    std::optional<std::size_t> best;
    float highest = 0, bottom = items_[part[0]].y1;
    for (std::size_t i = 1; i < part.size(); ++i) {
      const float gap = items_[part[i]].y0 - bottom;
      if (gap > highest) {
        highest = gap;
        best = i;
      }
      bottom = std::max(bottom, items_[part[i]].y1);
    }
    return best;
  }

  /// What overlaps in height: rows, each from the left.
  void rows(Indices part) const {
    const auto middle = [&](std::size_t i) { return (items_[i].y0 + items_[i].y1) / 2; };
    std::stable_sort(part.begin(), part.end(), [&](auto a, auto b) { return middle(a) < middle(b); });
    for (std::size_t begin = 0; begin < part.size();) {
      const Bounds& first = items_[part[begin]];
      std::size_t end = begin + 1;
      for (; end < part.size(); ++end) {
        const Bounds& next = items_[part[end]];
        const float shared = std::min(first.y1, next.y1) - std::max(first.y0, next.y0);
        if (shared < kSameRow * std::min(first.height(), next.height())) break;
      }
      const auto row = part.subspan(begin, end - begin);
      std::stable_sort(row.begin(), row.end(), [&](auto a, auto b) { return items_[a].x0 < items_[b].x0; });
      begin = end;
    }
  }

  const std::vector<Bounds>& items_;
};

}  // namespace

std::vector<std::size_t> reading_order(const std::vector<Bounds>& items) {
  std::vector<std::size_t> out(items.size());
  std::iota(out.begin(), out.end(), std::size_t{0});
  Page{items}.order(out);
  return out;
}

}  // namespace zenith::media
