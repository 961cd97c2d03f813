#include "vision.hpp"

#include <algorithm>
#include <cmath>

namespace zenith::links {
namespace {

using messages::ReadLine;
using messages::ScreenElement;

constexpr std::size_t kRow = 2 * sizeof(flatbuffers::uoffset_t);

At<fb::ReadLine> write_line(Writer& w, const ReadLine& line) {
  const auto text = w.text(line.text, "lines.text");
  const auto& b = line.box;
  const fb::Corners box{b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]};
  return fb::CreateReadLine(w.fbb(), text, &box, line.confidence);
}

At<flatbuffers::Vector<std::uint32_t>> write_places(Writer& w, const std::vector<std::uint32_t>& places) {
  if (places.empty()) return {};
  return w.fbb().CreateVector(places);
}

At<fb::ScreenElement> write_element(Writer& w, const ScreenElement& element) {
  const auto text = w.text(element.text, "elements.text");
  const auto children = write_places(w, element.children);
  const auto& b = element.box;
  const fb::PixelBox box{b[0], b[1], b[2], b[3]};
  return fb::CreateScreenElement(w.fbb(), to_fb(element.role), text, &box, element.confidence, element.enabled,
                                 children);
}

float share(Reader& r, float value, std::string_view field) {
  if (!(value >= 0 && value <= 1)) r.fail(field, "is not from 0 to 1");
  return value;
}

ReadLine read_line(Reader& r, const fb::ReadLine& from) {
  ReadLine out;
  out.text = r.text(from.text(), "lines.text");
  out.confidence = share(r, from.confidence(), "lines.confidence");
  if (const auto* b = from.box()) {
    out.box = {b->x0(), b->y0(), b->x1(), b->y1(), b->x2(), b->y2(), b->x3(), b->y3()};
  } else {
    r.fail("lines.box", "is missing");
  }
  if (!std::all_of(out.box.begin(), out.box.end(), [](float v) { return std::isfinite(v); })) {
    r.fail("lines.box", "is no number");
  }
  return out;
}

/// @param most the first place that is none. @param least places below are not for this list.
std::vector<std::uint32_t> read_places(Reader& r, const flatbuffers::Vector<std::uint32_t>* from, std::size_t least,
                                       std::size_t most, std::string_view field) {
  const auto n = r.count(from, sizeof(std::uint32_t), field);
  std::vector<std::uint32_t> out;
  out.reserve(n);
  for (flatbuffers::uoffset_t i = 0; i < n; ++i) {
    out.push_back(from->Get(i));
    if (out.back() < least || out.back() >= most) r.fail(field, "is no place of the list");
  }
  return out;
}

ScreenElement read_element(Reader& r, const fb::ScreenElement& from, std::size_t own, std::size_t all) {
  ScreenElement out;
  out.role = r.one_of<messages::ElementRole>(from.role(), "elements.role");
  out.text = r.text(from.text(), "elements.text");
  out.confidence = share(r, from.confidence(), "elements.confidence");
  out.enabled = from.enabled();
  if (const auto* b = from.box()) {
    out.box = {b->x0(), b->y0(), b->x1(), b->y1()};
  } else {
    r.fail("elements.box", "is missing");
  }
  if (out.box[0] > out.box[2] || out.box[1] > out.box[3]) r.fail("elements.box", "ends before it begins");
  out.children = read_places(r, from.children(), own + 1, all, "elements.children");
  return out;
}

}  // namespace

At<fb::ImageReading> write_reading(Writer& w, const messages::ImageReading& reading) {
  const auto lines = w.rows<fb::ReadLine>(reading.lines, [&](const auto& line) { return write_line(w, line); });
  const auto elements =
      w.rows<fb::ScreenElement>(reading.elements, [&](const auto& element) { return write_element(w, element); });
  const auto order = write_places(w, reading.reading_order);
  return fb::CreateImageReading(w.fbb(), reading.width, reading.height, lines, elements, order);
}

messages::ImageReading read_reading(Reader& r, const fb::ImageReading& from) {
  messages::ImageReading out;
  out.width = from.width();
  out.height = from.height();
  const auto lines = r.count(from.lines(), kRow, "lines");
  if (lines > messages::kMostLines) r.fail("lines", "are too many");
  for (flatbuffers::uoffset_t i = 0; i < lines && r.ok(); ++i) out.lines.push_back(read_line(r, *from.lines()->Get(i)));
  const auto elements = r.count(from.elements(), kRow, "elements");
  if (elements > messages::kMostElements) r.fail("elements", "are too many");
  for (flatbuffers::uoffset_t i = 0; i < elements && r.ok(); ++i) {
    out.elements.push_back(read_element(r, *from.elements()->Get(i), i, elements));
  }
  out.reading_order = read_places(r, from.reading_order(), 0, elements, "reading_order");
  return out;
}

}  // namespace zenith::links
