// The screenshot of ui_page.html as a tree: what is known to be on that page is found.
#include "zenith/media/ui_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vision_fixture.hpp"

namespace zenith::media {
namespace {

using namespace testing;

const std::vector<UiElement>& page() {
  static const auto tree = [] {
    const Image screen = picture("ui_page.png");
    return ui_tree(screen, real_ocr().read(screen, always).value()).value();
  }();
  return tree;
}

std::string without_blanks(std::string text) {
  std::erase(text, ' ');
  return text;
}

struct Known {
  const char* name;
  UiRole role;
  const char* text;
  UiBox box;  ///< of the page's layout
  bool enabled;
};
class OnThePage : public ::testing::TestWithParam<Known> {};
TEST_P(OnThePage, is_found_in_its_place) {
  const auto& known = GetParam();
  const UiElement* found = nullptr;
  for (const auto& element : page()) {
    if (element.role != known.role || without_blanks(element.text) != without_blanks(known.text)) continue;
    const auto near = [](std::uint32_t a, std::uint32_t b) { return (a > b ? a - b : b - a) <= 8; };
    if (near(element.box.x0, known.box.x0) && near(element.box.y0, known.box.y0) &&
        near(element.box.x1, known.box.x1) && near(element.box.y1, known.box.y1)) {
      found = &element;
    }
  }
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->enabled, known.enabled);
  EXPECT_GT(found->confidence, 0.5F);
  EXPECT_LE(found->confidence, 1);
}
INSTANTIATE_TEST_SUITE_P(
    media, OnThePage,
    ::testing::Values(Known{"place_order", UiRole::button, "Place order", {57, 401, 199, 441}, true},
                      Known{"cancel", UiRole::button, "Cancel", {213, 401, 320, 441}, false},
                      Known{"customer", UiRole::field, "Ada Lovelace", {57, 187, 477, 225}, true},
                      Known{"quantity", UiRole::field, "12", {57, 264, 477, 302}, true},
                      Known{"notes", UiRole::field, "", {57, 341, 477, 379}, true},
                      Known{"terms", UiRole::link, "delivery terms", {829, 226, 945, 246}, true},
                      Known{"art", UiRole::image, "", {659, 266, 879, 396}, true},
                      Known{"left_section", UiRole::box, "", {32, 93, 602, 466}, true},
                      Known{"right_section", UiRole::box, "", {634, 93, 1204, 466}, true},
                      Known{"heading", UiRole::text, "Help", {656, 117, 714, 144}, true}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(ui_tree, is_a_tree_in_reading_order) {
  std::vector<int> parents(page().size(), 0);
  for (std::uint32_t i = 0; i < page().size(); ++i) {
    std::uint32_t before = i;
    for (const auto child : page()[i].children) {
      ASSERT_LT(child, page().size());
      EXPECT_GT(child, before) << "after its parent and its siblings before";
      before = child;
      ++parents[child];
    }
  }
  for (const int count : parents) EXPECT_LE(count, 1);
}

TEST(ui_tree, children_lie_in_their_section) {
  const UiElement* left = nullptr;
  for (const auto& element : page()) {
    if (element.role == UiRole::box && element.box.x0 < 40 && element.box.y0 > 80) left = &element;
  }
  ASSERT_NE(left, nullptr);
  std::vector<std::string> labels;
  for (const auto child : left->children) labels.push_back(page()[child].text);
  EXPECT_THAT(labels, ::testing::ElementsAre("New order", "Customer name", "Ada Lovelace", "Quantity", "12", "Notes",
                                             "", "Place order", "Cancel"));
}

TEST(ui_tree, an_empty_screen_has_no_elements) {
  const Image blank{320, 200, std::vector<std::uint8_t>(320 * 200 * 3, 255)};
  const auto tree = ui_tree(blank, {});
  ASSERT_TRUE(tree) << tree.error().message;
  EXPECT_TRUE(tree->empty());
}

TEST(ui_tree, noise_is_bounded) {
  Image noise{800, 600, std::vector<std::uint8_t>(800 * 600 * 3)};
  std::uint32_t state = 1;
  for (auto& byte : noise.bgr) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  const auto tree = ui_tree(noise, {});
  ASSERT_TRUE(tree) << tree.error().message;
  EXPECT_LE(tree->size(), kMostRectangles);
}

}  // namespace
}  // namespace zenith::media
