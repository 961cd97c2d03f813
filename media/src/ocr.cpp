#include "zenith/media/ocr.hpp"

#include <xxhash.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <opencv2/imgproc.hpp>

#include "crew.hpp"
#include "onnx_graph.hpp"
#include "pixels.hpp"
#include "reading_order.hpp"
#include "text_detector.hpp"
#include "text_line.hpp"
#include "word_gaps.hpp"

namespace zenith::media {
namespace fs = std::filesystem;

namespace {

constexpr int kLongestSide = 2000, kShortestSide = 30, kMultiple = 32;
constexpr int kLowest = 30, kWidestRatio = 8;
constexpr float kLeastConfidence = 0.5F;

constexpr const char* kDetector = "ch_PP-OCRv4_det_infer.onnx";
constexpr const char* kDirection = "ch_ppocr_mobile_v2.0_cls_infer.onnx";
constexpr const char* kRecogniser = "ch_PP-OCRv4_rec_infer.onnx";

Expected<std::uint64_t> hash_of(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
  if (!file) return fail(Errc::io, path.string() + " cannot be read", "model");
  return XXH3_64bits(bytes.data(), bytes.size());
}

/// The picture as the graphs read it, and the way back.
struct Prepared {
  cv::Mat bgr;
  float scale_x = 1, scale_y = 1;  ///< of the picture's pixels for each of bgr's
  float top = 0;                   ///< rows added above
};

Prepared prepare(const Image& image) {
  Prepared out;
  const cv::Mat whole(static_cast<int>(image.height), static_cast<int>(image.width), CV_8UC3,
                      const_cast<std::uint8_t*>(image.bgr.data()));
  out.bgr = whole;
  const auto resize = [&](double ratio) {
    const cv::Size size = whole_blocks(out.bgr.size(), ratio, kMultiple);
    cv::Mat resized;
    cv::resize(out.bgr, resized, size);
    out.bgr = resized;
  };
  const auto longer = [&] { return std::max(out.bgr.cols, out.bgr.rows); };
  const auto shorter = [&] { return std::min(out.bgr.cols, out.bgr.rows); };
  if (longer() > kLongestSide) resize(static_cast<double>(kLongestSide) / longer());
  if (shorter() < kShortestSide) {
    // A thin picture grows until its longer side is as long as any may be.
    resize(std::min(static_cast<double>(kShortestSide) / shorter(), static_cast<double>(kLongestSide) / longer()));
  }
  out.scale_x = static_cast<float>(whole.cols) / static_cast<float>(out.bgr.cols);
  out.scale_y = static_cast<float>(whole.rows) / static_cast<float>(out.bgr.rows);
  // A single line lies in a high black border: the detector was trained on pages.
  if (out.bgr.rows <= kLowest || out.bgr.cols > kWidestRatio * out.bgr.rows) {
    const int height = std::max(out.bgr.cols / kWidestRatio, kLowest) * 2;
    const int border = std::abs(height - out.bgr.rows) / 2;
    cv::Mat bordered;
    cv::copyMakeBorder(out.bgr, bordered, border, border, 0, 0, cv::BORDER_CONSTANT);
    out.bgr = bordered;
    out.top = static_cast<float>(border);
  }
  return out;
}

Quad back(const Corners& box, const Prepared& how, const Image& image) {
  Quad out;
  for (std::size_t i = 0; i < 4; ++i) {
    out[i].x = std::clamp(box[i].x * how.scale_x, 0.0F, static_cast<float>(image.width));
    out[i].y = std::clamp((box[i].y - how.top) * how.scale_y, 0.0F, static_cast<float>(image.height));
  }
  return out;
}

Bounds bounds_of(const Quad& quad) {
  Bounds out{quad[0].x, quad[0].y, quad[0].x, quad[0].y};
  for (const auto& p : quad) {
    out = {std::min(out.x0, p.x), std::min(out.y0, p.y), std::max(out.x1, p.x), std::max(out.y1, p.y)};
  }
  return out;
}

std::vector<TextLine> in_reading_order(std::vector<TextLine> lines) {
  std::vector<Bounds> bounds;
  for (const auto& line : lines) bounds.push_back(bounds_of(line.box));
  std::vector<TextLine> out;
  for (const auto i : reading_order(bounds)) out.push_back(std::move(lines[i]));
  return out;
}

class PpOcr final : public Ocr {
 public:
  PpOcr(std::unique_ptr<OnnxGraph> detector, std::vector<std::unique_ptr<OnnxGraph>> direction,
        std::vector<std::unique_ptr<OnnxGraph>> recogniser, std::uint64_t generation)
      : detector_(std::move(detector)),
        direction_(std::move(direction)),
        recogniser_(std::move(recogniser)),
        alphabet_(alphabet_of(recogniser_.front()->metadata("character"))),
        generation_(generation),
        crew_(static_cast<int>(recogniser_.size())) {
    cv::setNumThreads(1);
  }

  std::uint64_t generation() const noexcept override { return generation_; }

  Expected<std::vector<TextLine>> read(const Image& image, const StillWanted& wanted) override {
    try {
      return read_prepared(image, prepare(image), wanted);
    } catch (const std::exception& e) {
      return fail(Errc::internal, std::string{"the picture could not be read: "} + e.what());
    }
  }

 private:
  Expected<std::vector<TextLine>> read_prepared(const Image& image, const Prepared& page, const StillWanted& wanted) {
    if (!wanted()) return fail(Errc::cancelled, "nobody waits for the text any more");
    auto boxes = detect_lines(*detector_, page.bgr);
    if (!boxes) return tl::make_unexpected(boxes.error());
    std::vector<cv::Mat> cuts;
    for (const auto& box : *boxes) cuts.push_back(cut_line(page.bgr, box));
    const auto doubted = turn_lines(direction_, crew_, cuts, wanted);
    if (!doubted) return tl::make_unexpected(doubted.error());
    auto texts = read_lines(recogniser_, crew_, alphabet_, cuts, wanted);
    if (!texts) return tl::make_unexpected(texts.error());
    if (auto ok = read_doubted(*doubted, cuts, *texts, wanted); !ok) return tl::make_unexpected(ok.error());
    std::vector<TextLine> lines;
    for (std::size_t i = 0; i < texts->size(); ++i) {
      part_words(cuts[i], (*texts)[i]);
      auto& [text, confidence, centres] = (*texts)[i];
      if (text.empty() || confidence < kLeastConfidence) continue;
      lines.push_back(
          {std::move(text), back((*boxes)[i], page, image), std::min(confidence, 1.0F), std::move(centres)});
    }
    return in_reading_order(std::move(lines));
  }

  /// The direction graph sees a line 192 pixels wide: of a long one nothing is left, and it guesses. What then cannot
  /// be read is read the other way up as well.
  Status read_doubted(const std::vector<bool>& doubted, std::vector<cv::Mat>& cuts, std::vector<ReadText>& texts,
                      const StillWanted& wanted) {
    std::vector<std::size_t> which;
    std::vector<cv::Mat> turned;
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      if (!doubted[i] || texts[i].confidence >= kLeastConfidence) continue;
      which.push_back(i);
      cv::rotate(cuts[i], turned.emplace_back(), cv::ROTATE_180);
    }
    auto again = read_lines(recogniser_, crew_, alphabet_, turned, wanted);
    if (!again) return tl::make_unexpected(again.error());
    for (std::size_t i = 0; i < which.size(); ++i) {
      if ((*again)[i].confidence <= texts[which[i]].confidence) continue;
      texts[which[i]] = std::move((*again)[i]);
      cuts[which[i]] = turned[i];
    }
    return {};
  }

  std::unique_ptr<OnnxGraph> detector_;
  std::vector<std::unique_ptr<OnnxGraph>> direction_, recogniser_;  ///< one for each thread
  std::vector<std::string> alphabet_;
  std::uint64_t generation_;
  Crew crew_;
};

}  // namespace

Expected<std::unique_ptr<Ocr>> Ocr::load(const fs::path& folder, const fs::path& cache, int threads) {
  std::uint64_t generation = 0;
  std::vector<std::unique_ptr<OnnxGraph>> detector, direction, recogniser;
  const auto load = [&](const char* name, int count, auto& into) -> Status {
    for (int i = 0; i < count; ++i) {
      auto graph = OnnxGraph::load(folder / name, cache);
      if (!graph) return tl::make_unexpected(graph.error());
      into.push_back(std::move(*graph));
    }
    const auto hash = hash_of(folder / name);
    if (!hash) return tl::make_unexpected(hash.error());
    generation = generation * 31 + *hash;
    return {};
  };
  if (auto ok = load(kDetector, 1, detector); !ok) return tl::make_unexpected(ok.error());
  if (auto ok = load(kDirection, threads, direction); !ok) return tl::make_unexpected(ok.error());
  if (auto ok = load(kRecogniser, threads, recogniser); !ok) return tl::make_unexpected(ok.error());
  if (recogniser.front()->metadata("character").empty()) {
    return fail(Errc::bad_file, (folder / kRecogniser).string() + ": its metadata has no characters", "model");
  }
  return std::make_unique<PpOcr>(std::move(detector.front()), std::move(direction), std::move(recogniser), generation);
}

}  // namespace zenith::media
