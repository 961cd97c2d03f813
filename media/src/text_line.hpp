// One line of text: cut out of the picture, turned the right way up, read.
#pragma once

#include <memory>
#include <opencv2/core.hpp>
#include <span>
#include <string>
#include <vector>

#include "crew.hpp"
#include "onnx_graph.hpp"
#include "text_detector.hpp"
#include "zenith/media/ocr.hpp"

namespace zenith::media {

struct ReadText {
  std::string text;
  float confidence = 0;
  std::vector<float> centres;  ///< of each character: 0 at the first step, 1 after the last
};

/// The line as an upright picture; one that is at least 1.5 times as high as wide is turned by a quarter.
cv::Mat cut_line(const cv::Mat& bgr, const Corners& box);

/// The recogniser's alphabet: a blank, the characters of its metadata (one on each line), a space.
std::vector<std::string> alphabet_of(const std::string& characters);

/// Connectionist temporal classification, the likeliest symbol at each step: repeats fall together, blanks fall away.
/// @param probabilities [steps, alphabet]. @pre the alphabet is not empty.
ReadText decode_ctc(std::span<const float> probabilities, const std::vector<std::string>& alphabet);

/// The same graph for each thread of a crew: one thread at a time runs one of them.
using Graphs = std::span<const std::unique_ptr<OnnxGraph>>;

/// Turns lines that surely stand on their heads. @returns of each whether it may stand so, surely or not; cancelled,
/// internal.
Expected<std::vector<bool>> turn_lines(Graphs graphs, Crew& crew, std::vector<cv::Mat>& lines,
                                       const StillWanted& wanted);

/// One text for each line, in order; none depends on how many threads read. @returns cancelled, internal.
Expected<std::vector<ReadText>> read_lines(Graphs graphs, Crew& crew, const std::vector<std::string>& alphabet,
                                           const std::vector<cv::Mat>& lines, const StillWanted& wanted);

}  // namespace zenith::media
