#include "zenith/media/ui_tree.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "colours.hpp"
#include "reading_order.hpp"
#include "rectangles.hpp"
#include "screen_text.hpp"

namespace zenith::media {
namespace {

constexpr int kSlack = 3;  // pixels that a child may stick out
constexpr int kHighestControl = 72, kLowestControl = 16;
constexpr float kFieldRatio = 3;     // width to height
constexpr float kOffCentre = 0.08F;  // of the width
constexpr float kFull = 0.85F;       // of the width: a text that fills its box is not centred in it
constexpr float kMuchLabel = 0.35F;  // of the width: on a fill of its own, a text that long makes a button
constexpr float kOtherColour = 14;   // of 255
constexpr float kStandsOut = 2.5F;   // contrast of a label that can be pressed
constexpr int kSmallestImage = 32;
constexpr float kColourful = 22;
constexpr float kInLine = 1.4F;  // times the height of a line: what is not higher is part of its letters

/// An element before it has its place in the list.
struct Node {
  UiElement element;
  cv::Rect box;
  std::vector<std::size_t> children;
  bool gone = false;  ///< became its parent's label
};

bool holds(const cv::Rect& outer, const cv::Rect& inner) {
  const cv::Rect grown{outer.x - kSlack, outer.y - kSlack, outer.width + 2 * kSlack, outer.height + 2 * kSlack};
  return (grown & inner) == inner;
}

bool is_letters(const cv::Rect& box, const std::vector<ScreenText>& texts) {
  return std::any_of(texts.begin(), texts.end(), [&](const ScreenText& text) {
    return holds(text.box, box) && static_cast<float>(box.height) < kInLine * static_cast<float>(text.box.height) &&
           box.area() < text.box.area() * 9 / 10;
  });
}

class Tree {
 public:
  Tree(const cv::Mat& screen, const std::vector<TextLine>& lines) : screen_(screen) {
    const auto texts = screen_texts(screen, lines);
    for (const auto& rectangle : rectangles_of(screen)) {
      if (is_letters(rectangle.box, texts)) continue;
      add({UiRole::box, {}, {}, rectangle.confidence, true, {}}, rectangle.box);
    }
    boxes_ = nodes_.size();
    for (const auto& text : texts) {
      add({text.is_link ? UiRole::link : UiRole::text, text.text, {}, text.confidence, true, {}}, text.box);
    }
    connect();
    for (std::size_t i = 0; i < boxes_; ++i) name(nodes_[i]);
  }

  std::vector<UiElement> list() {
    std::vector<UiElement> out;
    place(roots_, out);
    return out;
  }

 private:
  void add(UiElement element, const cv::Rect& box) {
    const auto side = [](int pixels) { return static_cast<std::uint32_t>(std::max(0, pixels)); };
    element.box = {side(box.x), side(box.y), side(box.br().x), side(box.br().y)};
    nodes_.push_back({std::move(element), box, {}, false});
  }

  /// Each under the smallest that holds it; boxes come the larger first.
  void connect() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      std::optional<std::size_t> parent;
      for (std::size_t j = 0; j < std::min(i, boxes_); ++j) {
        if (!holds(nodes_[j].box, nodes_[i].box)) continue;
        if (!parent || nodes_[j].box.area() <= nodes_[*parent].box.area()) parent = j;
      }
      (parent ? nodes_[*parent].children : roots_).push_back(i);
    }
  }

  void name(Node& node) {
    const bool has_text_only = node.children.size() == 1 && nodes_[node.children.front()].element.role != UiRole::box;
    if (node.children.empty() || has_text_only) {
      if (name_control(node, has_text_only ? &nodes_[node.children.front()] : nullptr)) return;
    }
    const bool large = node.box.width >= kSmallestImage && node.box.height >= kSmallestImage;
    if (!large || has_text(node) || variety(screen_, node.box) <= kColourful) return;
    node.element.role = UiRole::image;
    node.children.clear();  // edges of what it shows
  }

  bool has_text(const Node& node) const {
    return std::any_of(node.children.begin(), node.children.end(),
                       [&](std::size_t i) { return nodes_[i].element.role != UiRole::box || has_text(nodes_[i]); });
  }

  /// A button or a field. @param label the one text in it, or null.
  bool name_control(Node& node, Node* label) {
    const cv::Rect& box = node.box;
    if (box.height > kHighestControl || box.height < kLowestControl || box.width < box.height) return false;
    const Colour fill = ring_colour(screen_, box, 3), around = ring_colour(screen_, box, -3);
    const bool filled = difference(fill, around) > kOtherColour;
    const bool long_enough = static_cast<float>(box.width) >= kFieldRatio * static_cast<float>(box.height);
    if (label == nullptr) {
      if (filled || !long_enough) return false;
      node.element.role = UiRole::field;
      return true;
    }
    const float middle = static_cast<float>(label->box.x) + static_cast<float>(label->box.width) / 2;
    const float off = std::abs(middle - static_cast<float>(box.x) - static_cast<float>(box.width) / 2);
    const auto width = static_cast<float>(box.width);
    const auto label_width = static_cast<float>(label->box.width);
    const bool centred = off < kOffCentre * width && label_width < kFull * width;
    const bool is_button = centred || (filled && label_width >= kMuchLabel * width);
    if (!is_button && (filled || !long_enough)) return false;
    node.element.role = is_button ? UiRole::button : UiRole::field;
    node.element.text = std::move(label->element.text);
    node.element.confidence = std::min(node.element.confidence, label->element.confidence);
    node.element.enabled = contrast(ink_colour(screen_, label->box, fill), fill) >= kStandsOut;
    node.children.clear();
    label->gone = true;
    return true;
  }

  std::vector<std::uint32_t> place(const std::vector<std::size_t>& siblings, std::vector<UiElement>& out) {
    std::vector<Bounds> bounds;
    for (const auto i : siblings) {
      const cv::Rect& b = nodes_[i].box;
      bounds.push_back({static_cast<float>(b.x), static_cast<float>(b.y), static_cast<float>(b.br().x),
                        static_cast<float>(b.br().y)});
    }
    std::vector<std::uint32_t> ids;
    for (const auto at : reading_order(bounds)) {
      Node& node = nodes_[siblings[at]];
      if (node.gone) continue;
      const std::size_t id = out.size();
      ids.push_back(static_cast<std::uint32_t>(id));
      out.push_back(std::move(node.element));
      auto children = place(node.children, out);
      out[id].children = std::move(children);
    }
    return ids;
  }

  const cv::Mat& screen_;
  std::vector<Node> nodes_;  ///< boxes, then texts
  std::size_t boxes_ = 0;
  std::vector<std::size_t> roots_;
};

}  // namespace

Expected<std::vector<UiElement>> ui_tree(const Image& screen, const std::vector<TextLine>& lines) {
  try {
    const cv::Mat bgr(static_cast<int>(screen.height), static_cast<int>(screen.width), CV_8UC3,
                      const_cast<std::uint8_t*>(screen.bgr.data()));
    return Tree{bgr, lines}.list();
  } catch (const std::exception& e) {
    return fail(Errc::internal, std::string{"the screen's elements could not be found: "} + e.what());
  }
}

}  // namespace zenith::media
