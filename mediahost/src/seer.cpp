#include "seer.hpp"

#include <algorithm>

#include "zenith/media/image.hpp"
#include "zenith/media/ocr.hpp"
#include "zenith/media/ui_tree.hpp"

namespace zenith::mediahost {
namespace {

using messages::ElementRole;
using messages::ImageReading;

ElementRole role_of(media::UiRole role) noexcept {
  switch (role) {
    case media::UiRole::box: return ElementRole::box;
    case media::UiRole::text: return ElementRole::text;
    case media::UiRole::link: return ElementRole::link;
    case media::UiRole::button: return ElementRole::button;
    case media::UiRole::field: return ElementRole::field;
    case media::UiRole::image: return ElementRole::image;
  }
  return ElementRole::box;
}

messages::ReadLine line_of(const media::TextLine& line) {
  messages::ReadLine out{line.text, {}, std::clamp(line.confidence, 0.0F, 1.0F)};
  for (std::size_t i = 0; i < 4; ++i) {
    out.box[2 * i] = line.box[i].x;
    out.box[2 * i + 1] = line.box[i].y;
  }
  return out;
}

messages::ScreenElement element_of(media::UiElement element) {
  return {role_of(element.role),
          std::move(element.text),
          {element.box.x0, element.box.y0, element.box.x1, element.box.y1},
          std::clamp(element.confidence, 0.0F, 1.0F),
          element.enabled,
          std::move(element.children)};
}

class Seer final : public services::ImageReader {
 public:
  explicit Seer(std::unique_ptr<media::Ocr> ocr) : ocr_(std::move(ocr)) {
    info_ = {Generation{ocr_->generation()}, "pp-ocr-v4"};
  }
  const services::ImageReaderInfo& info() const noexcept override { return info_; }

  Expected<ImageReading> read(const Buffer& bytes, messages::ReadMode mode,
                              const std::function<bool()>& wanted) override {
    const auto image = media::decode_image(bytes.bytes());
    if (!image) return tl::make_unexpected(image.error());
    auto lines = ocr_->read(*image, wanted);
    if (!lines) return tl::make_unexpected(lines.error());
    ImageReading out;
    out.width = image->width;
    out.height = image->height;
    for (const auto& line : *lines) out.lines.push_back(line_of(line));
    if (mode == messages::ReadMode::text) return out;
    if (!wanted()) return fail(Errc::cancelled, "nobody waits for the elements any more");
    auto elements = media::ui_tree(*image, *lines);
    if (!elements) return tl::make_unexpected(elements.error());
    for (auto& element : *elements) {
      if (element.role != media::UiRole::box)
        out.reading_order.push_back(static_cast<std::uint32_t>(out.elements.size()));
      out.elements.push_back(element_of(std::move(element)));
    }
    return out;
  }

 private:
  std::unique_ptr<media::Ocr> ocr_;
  services::ImageReaderInfo info_;
};

}  // namespace

Expected<std::shared_ptr<services::ImageReader>> load_seer(const std::filesystem::path& folder,
                                                           const std::filesystem::path& cache, int threads) {
  return media::Ocr::load(folder, cache, threads).map([](auto ocr) -> std::shared_ptr<services::ImageReader> {
    return std::make_shared<Seer>(std::move(ocr));
  });
}

}  // namespace zenith::mediahost
