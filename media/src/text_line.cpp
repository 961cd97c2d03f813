#include "text_line.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <opencv2/imgproc.hpp>

#include "pixels.hpp"

namespace zenith::media {
namespace {

constexpr int kHeight = 48;  // of a line, for both graphs
constexpr int kDirectionWidth = 192;
constexpr double kNarrowestRatio = 320.0 / kHeight;  // the recogniser was trained on lines of 320 x 48
constexpr int kWidest = 4096;
constexpr std::size_t kAtOnce = 6;
constexpr float kSurelyUpsideDown = 0.9F;

double ratio_of(const cv::Mat& line) { return static_cast<double>(line.cols) / line.rows; }

/// Lines of like length go together.
std::vector<std::size_t> by_length(const std::vector<cv::Mat>& lines) {
  std::vector<std::size_t> order(lines.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return ratio_of(lines[a]) < ratio_of(lines[b]); });
  return order;
}

int width_in_batch(const cv::Mat& line, int width) {
  return std::clamp(static_cast<int>(std::ceil(kHeight * ratio_of(line))), 1, width);
}

Batch batch_of(const std::vector<cv::Mat>& lines, std::span<const std::size_t> which, int width) {
  Batch batch = empty_batch(which.size(), {width, kHeight});
  for (std::size_t i = 0; i < which.size(); ++i) {
    const cv::Mat& line = lines[which[i]];
    cv::Mat resized;
    cv::resize(line, resized, {width_in_batch(line, width), kHeight});
    put_pixels(resized, i, batch);
  }
  return batch;
}

/// Of the lines in that order: those that go together with the line at this place.
std::span<const std::size_t> batch_at(const std::vector<std::size_t>& order, std::size_t at) {
  const std::size_t first = at / kAtOnce * kAtOnce;
  return {order.data() + first, std::min(kAtOnce, order.size() - first)};
}

}  // namespace

cv::Mat cut_line(const cv::Mat& bgr, const Corners& box) {
  const auto side = [](double a, double b) { return std::max(1, static_cast<int>(std::max(a, b))); };
  const int width = side(cv::norm(box[0] - box[1]), cv::norm(box[2] - box[3]));
  const int height = side(cv::norm(box[0] - box[3]), cv::norm(box[1] - box[2]));
  const auto w = static_cast<float>(width), h = static_cast<float>(height);
  const Corners to{cv::Point2f{0, 0}, cv::Point2f{w, 0}, cv::Point2f{w, h}, cv::Point2f{0, h}};
  cv::Mat out;
  cv::warpPerspective(bgr, out, cv::getPerspectiveTransform(box.data(), to.data()), {width, height}, cv::INTER_CUBIC,
                      cv::BORDER_REPLICATE);
  if (static_cast<double>(out.rows) / out.cols >= 1.5) cv::rotate(out, out, cv::ROTATE_90_COUNTERCLOCKWISE);
  return out;
}

std::vector<std::string> alphabet_of(const std::string& characters) {
  std::vector<std::string> out{""};
  for (std::size_t at = 0; at < characters.size();) {
    const std::size_t end = std::min(characters.find('\n', at), characters.size());
    out.push_back(characters.substr(at, end - at));
    if (out.back().ends_with('\r')) out.back().pop_back();
    at = end + 1;
  }
  out.emplace_back(" ");
  return out;
}

ReadText decode_ctc(std::span<const float> probabilities, const std::vector<std::string>& alphabet) {
  ReadText out;
  std::size_t before = 0;
  const auto steps = static_cast<float>(probabilities.size() / alphabet.size());
  for (std::size_t at = 0; at + alphabet.size() <= probabilities.size(); at += alphabet.size()) {
    const auto step = probabilities.subspan(at, alphabet.size());
    const auto best = static_cast<std::size_t>(std::max_element(step.begin(), step.end()) - step.begin());
    if (best != 0 && best != before) {
      out.text += alphabet[best];
      out.confidence += step[best];
      out.centres.push_back((static_cast<float>(at / alphabet.size()) + 0.5F) / steps);
    }
    before = best;
  }
  if (!out.centres.empty()) out.confidence /= static_cast<float>(out.centres.size());
  return out;
}

Expected<std::vector<bool>> turn_lines(Graphs graphs, Crew& crew, std::vector<cv::Mat>& lines,
                                       const StillWanted& wanted) {
  const auto order = by_length(lines);
  std::vector<char> doubted(lines.size(), 0);  // bytes: several threads write
  const auto turn = [&](OnnxGraph& graph, std::span<const std::size_t> which) {
    return graph.run(batch_of(lines, which, kDirectionWidth),
                     [&](std::span<const std::size_t> shape, std::span<const float> values) -> Status {
                       if (shape.size() != 2 || shape[0] != which.size() || shape[1] != 2) {
                         return fail(Errc::internal, "the direction graph has no two numbers for each line");
                       }
                       for (std::size_t i = 0; i < which.size(); ++i) {
                         const float upright = values[2 * i], upside_down = values[2 * i + 1];
                         doubted[which[i]] = upside_down > upright ? 1 : 0;
                         if (doubted[which[i]] == 0 || upside_down <= kSurelyUpsideDown) continue;
                         cv::rotate(lines[which[i]], lines[which[i]], cv::ROTATE_180);
                       }
                       return {};
                     });
  };
  const std::size_t batches = (lines.size() + kAtOnce - 1) / kAtOnce;
  auto ok = crew.for_each(batches, wanted, [&](std::size_t i, std::size_t thread) {
    return turn(*graphs[thread], batch_at(order, i * kAtOnce));
  });
  if (!ok) return tl::make_unexpected(ok.error());
  return std::vector<bool>(doubted.begin(), doubted.end());
}

Expected<std::vector<ReadText>> read_lines(Graphs graphs, Crew& crew, const std::vector<std::string>& alphabet,
                                           const std::vector<cv::Mat>& lines, const StillWanted& wanted) {
  const auto order = by_length(lines);
  std::vector<ReadText> out(lines.size());
  const auto read_one = [&](OnnxGraph& graph, std::size_t line, int width) {
    return graph.run(batch_of(lines, std::span{&line, 1}, width),
                     [&](std::span<const std::size_t> shape, std::span<const float> values) -> Status {
                       if (shape.size() != 3 || shape[0] != 1 || shape[2] != alphabet.size()) {
                         return fail(Errc::internal, "the recogniser's output does not fit its characters");
                       }
                       out[line] = decode_ctc(values, alphabet);
                       const auto own = static_cast<float>(width_in_batch(lines[line], width));
                       for (float& centre : out[line].centres) {
                         centre = std::min(1.0F, centre * static_cast<float>(width) / own);
                       }
                       return {};
                     });
  };
  auto ok = crew.for_each(order.size(), wanted, [&](std::size_t i, std::size_t thread) {
    // The longest first, so that no thread has a long line left when the others have none.
    const std::size_t at = order.size() - 1 - i;
    // The longest says how wide all are made, as in the reference: what is right of a line changes how it is read. Each
    // goes alone all the same: on one core that is no slower, and there are fewer shapes to prepare.
    const double ratio = std::max(kNarrowestRatio, ratio_of(lines[batch_at(order, at).back()]));
    return read_one(*graphs[thread], order[at], static_cast<int>(std::min(kHeight * ratio, double{kWidest})));
  });
  if (!ok) return tl::make_unexpected(ok.error());
  return out;
}

}  // namespace zenith::media
