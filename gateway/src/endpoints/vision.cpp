// POST /v1/vision/ocr and /v1/vision/ui: what is in a picture. GET /v1/vision/ui/schema: the shape of the second
// answer.
#include "zenith/messages/vision.hpp"
#include "api/vision_request.hpp"
#include "endpoints/endpoints.hpp"
#include "http/assets.hpp"
#include "images.hpp"
#include "json/write.hpp"

namespace zenith::gateway {
namespace {

using messages::ImageReading;
using messages::ReadMode;

std::string_view name_of(messages::ElementRole role) noexcept {
  switch (role) {
    case messages::ElementRole::box: return "box";
    case messages::ElementRole::text: return "text";
    case messages::ElementRole::link: return "link";
    case messages::ElementRole::button: return "button";
    case messages::ElementRole::field: return "field";
    case messages::ElementRole::image: return "image";
  }
  return "box";
}

void write_places(JsonWriter& w, const std::vector<std::uint32_t>& places) {
  w.begin_array();
  for (const auto place : places) w.integer(place);
  w.end_array();
}

std::string ocr_body(const ImageReading& reading) {
  std::string text;
  for (const auto& line : reading.lines) text += (text.empty() ? "" : "\n") + line.text;
  JsonWriter w;
  w.begin_object().key("text").string(text).key("width").integer(reading.width).key("height").integer(reading.height);
  w.key("lines").begin_array();
  for (const auto& line : reading.lines) {
    w.begin_object().key("text").string(line.text).key("box").begin_array();
    for (std::size_t i = 0; i < 8; i += 2) w.begin_array().number(line.box[i]).number(line.box[i + 1]).end_array();
    w.end_array().key("confidence").number(line.confidence).end_object();
  }
  w.end_array().end_object();
  return w.take();
}

std::string ui_body(const ImageReading& reading) {
  JsonWriter w;
  w.begin_object().key("width").integer(reading.width).key("height").integer(reading.height);
  w.key("elements").begin_array();
  for (std::size_t id = 0; id < reading.elements.size(); ++id) {
    const auto& element = reading.elements[id];
    w.begin_object().key("id").integer(static_cast<std::int64_t>(id)).key("role").string(name_of(element.role));
    w.key("text").string(element.text).key("box").begin_array();
    for (const auto side : element.box) w.integer(side);
    w.end_array().key("confidence").number(element.confidence).key("enabled").boolean(element.enabled);
    w.key("children");
    write_places(w, element.children);
    w.end_object();
  }
  w.end_array().key("reading_order");
  write_places(w, reading.reading_order);
  w.end_object();
  return w.take();
}

using Body = std::string (*)(const ImageReading&);

/// The service knows the picture as "image": the client may have sent it as another field.
Error naming(Error error, const std::string& field) {
  if (error.param != "image" || field == "image") return error;
  if (error.message.starts_with("image: ")) error.message.replace(0, 5, field);
  error.param = field;
  return error;
}

void read_bytes(const std::shared_ptr<Call>& call, ReadMode mode, Body body, std::string model, Buffer picture,
                std::string field) {
  messages::ReadImage read;
  read.header = call->header();
  read.model = std::move(model);
  read.mode = mode;
  read.image = std::move(picture);
  auto reply =
      call->expect<ImageReading>([body](Call& done, const ImageReading& reading) { done.reply_json(body(reading)); });
  call->gateway.port.read_image(std::move(read), [reply, field = std::move(field)](Expected<ImageReading> reading) {
    reply(std::move(reading).map_error([&](Error error) { return naming(std::move(error), field); }));
  });
}

void read_form(const std::shared_ptr<Call>& call, std::string_view type, ReadMode mode, Body body) {
  auto form = parse_multipart(type, call->request.body).and_then([&](const auto& parts) {
    return read_vision_form(parts, call->request.body);
  });
  if (!form) return call->fail(form.error());
  // The body itself goes on, uncopied.
  auto picture = Buffer::of(std::move(call->request.body)).slice(form->offset, form->size);
  read_bytes(call, mode, body, std::move(form->model), std::move(picture), "file");
}

void read_image(const std::shared_ptr<Call>& call, ReadMode mode, Body body) {
  if (const auto* type = call->request.header("content-type"); type != nullptr && is_multipart(*type)) {
    return read_form(call, std::string{*type}, mode, body);
  }
  auto request = call->json().and_then(read_vision_request);
  if (!request) return call->fail(request.error());
  with_images(
      call, {std::move(request->image)},
      [mode, body, model = std::move(request->model)](const std::shared_ptr<Call>& c, std::vector<Buffer> images) {
        read_bytes(c, mode, body, model, std::move(images.front()), "image");
      });
}

}  // namespace

void vision_ocr(const std::shared_ptr<Call>& call) { read_image(call, ReadMode::text, ocr_body); }
void vision_ui(const std::shared_ptr<Call>& call) { read_image(call, ReadMode::ui, ui_body); }

void vision_ui_schema(const std::shared_ptr<Call>& call) {
  const auto* schema = find_asset("/v1/vision/ui/schema");
  if (schema == nullptr) return call->reply(status_reply(404, "not_found", "this build has no such file"));
  HttpReply reply;
  reply.content_type = "application/schema+json";
  reply.body = std::string(schema->bytes);
  call->reply(std::move(reply));
}

}  // namespace zenith::gateway
