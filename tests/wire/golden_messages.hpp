// One message of every kind and body, with a value of its own in every field. tests/data/wire/<name>.bin has its bytes.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "samples.hpp"
#include "zenith/links/codec.hpp"

namespace zenith::wire {

inline constexpr Instant kGoldenNow{std::chrono::hours{1}};

struct Golden {
  std::string_view name;
  std::function<Message()> make;
  /// What the body says, written anew: it must give the same bytes.
  std::function<Expected<Message>(const Message&)> again;
};

inline messages::Header golden_header() {
  messages::Header h;
  h.id = RequestId{0x0123456789abcdef};
  h.tenant = TenantId{7};
  h.deadline = Deadline{kGoldenNow + std::chrono::seconds{30}};
  h.priority = messages::Priority::interactive;
  std::iota(h.trace.trace_id.begin(), h.trace.trace_id.end(), std::uint8_t{0xa0});
  std::iota(h.trace.span_id.begin(), h.trace.span_id.end(), std::uint8_t{0xb0});
  h.trace.flags = 1;
  return h;
}

inline messages::Chat golden_chat() {
  messages::Chat chat;
  chat.messages = {{"system", {"Be brief."}, "", ""},
                   {"user", {"Grüß Gott, ", "世界 🌍"}, "ada", ""},
                   {"assistant", {"Hello."}, "", "It is a greeting."}};
  chat.template_kwargs = {
      {"enable_thinking", false}, {"depth", 3},
      {"weight", 0.25},           {"name", "x"},
      {"nothing", nullptr},       {"list", Value::Array{Value{-1}, Value{Value::Object{{"k", "v"}}}}}};
  chat.reasoning_effort = "low";
  return chat;
}

inline messages::Generate golden_generate() {
  messages::Generate g;
  g.header = golden_header();
  g.model = "smollm2";
  g.prompt = golden_chat();
  g.sampling = {0.5F, 0.9F, 0.05F, 40, 0.5F, -0.5F, 1.25F, 0xfedcba9876543210, {{5, -100.0F}, {17, 2.5F}}, true};
  g.choices = 2;
  g.max_tokens = 64;
  g.stop = {"\n\n", "END"};
  g.logprobs = true;
  g.top_logprobs = 3;
  g.echo = true;
  g.credit_events = 128;
  g.now_unix_seconds = 1'700'000'000;
  g.resume = {{{1, 2, 3}, true, false, 0, 0}, {{9}, true, true, 11, 4}};
  g.credit_spent = 6;
  return g;
}

inline messages::Member golden_member() {
  messages::Member m;
  m.status = {messages::Role::text, "text-1", messages::Health::ready, "smollm2", "restarted once"};
  m.model = messages::ModelEntry{
      "smollm2", messages::ModelKind::generate,  "default",    {"text"}, {"text"}, 8192, "Apache-2.0",
      "llama",   Generation{0x1122334455667788}, 1'700'000'001};
  m.epoch = 0x99aabbccddeeff00;
  m.endpoint = "ipc:///run/zenith/text-1.sock";
  m.server_key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
  m.numerics = "avx2/7";
  m.load = {1, 2, 64, 300, 4096, 123'456'789};
  m.contact = false;
  return m;
}

inline messages::Member golden_sensor() {
  messages::Member m;
  m.status = {messages::Role::sensor, "sensor-1:host.load", messages::Health::ready, "host.load", ""};
  m.model = messages::ModelEntry{"host.load", messages::ModelKind::sensor,    "",           {}, {}, 0, "",
                                 "",          Generation{0x2122232425262728}, 1'700'000'002};
  m.model->sensor = messages::SensorEntry{"host",      "1.0.0",
                                          "telemetry", "load",
                                          "1",         messages::SampleType::f32,
                                          {3},         {"1 min", "5 min", "15 min"},
                                          0.5,         messages::BackPressure::latest,
                                          false};
  m.epoch = 0x99aabbccddeeff00;
  m.endpoint = "ipc:///run/zenith/sensor-1.sock";
  return m;
}

inline messages::Frames golden_frames() {
  messages::Frames f;
  f.dtype = messages::SampleType::u16;
  f.dims = {2};
  f.heads = {{7, 1'000'000'007, 1'700'000'000'000'000'007, messages::kFrameGap | messages::kFrameSimulated},
             {8, 1'000'000'008, 1'700'000'000'000'000'008, 0}};
  f.data = Buffer::of(std::string{"\x01\x02\x03\x04\x05\x06\x07\x08"});
  f.next = 10;
  f.lost = messages::SeqRange{4, 6};
  return f;
}

inline std::vector<Golden> goldens() {
  using namespace messages;
  const auto bare = [](Kind kind) {
    return [kind] {
      Message m;
      m.header = full_header();
      m.header.kind = kind;
      m.header.flags = 0;
      return m;
    };
  };
  const auto hello = [=](Kind kind) {
    return [=] {
      Message m = bare(kind)();
      m.body = links::encode_hello({0, "text-1", "0.4.0", "avx2/7", "text"});
      return m;
    };
  };
  const auto hello_again = [=](const Message& m) {
    return links::decode_hello(m.body).map([&](const links::Peer& peer) {
      Message made = m;
      made.body = links::encode_hello(peer);
      return made;
    });
  };
  const auto error_again = [=](const Message& m) {
    return links::decode_error(m.body).map([&](const Error& error) {
      Message made = m;
      made.body = links::encode_error(error);
      return made;
    });
  };
  const auto work = [](auto request) {
    return [=] {
      auto m = *links::to_wire(request, kGoldenNow);
      m.header.attempt = 1;
      m.header.generation = 0x1122334455667788;
      return m;
    };
  };
  const auto work_again = [=](const Message& m) -> Expected<Message> {
    auto request = links::request_from_wire(m, kGoldenNow);
    if (!request) return tl::make_unexpected(request.error());
    return std::visit([](const auto& r) { return links::to_wire(r, kGoldenNow); }, *request).map([&](Message made) {
      made.header.attempt = 1;
      made.header.generation = 0x1122334455667788;
      return made;
    });
  };
  const RequestId id{42};
  const auto event = [=](Event e) { return [=] { return links::event_to_wire(id, e); }; };
  const auto event_again = [=](const Message& m) {
    return links::event_from_wire(m).map([&](const Event& e) { return links::event_to_wire(id, e); });
  };
  const auto reply = [=](links::Reply r) { return [=] { return links::reply_to_wire(id, r); }; };
  const auto reply_again = [=](const Message& m) {
    return links::reply_from_wire(m).map([&](const links::Reply& r) { return links::reply_to_wire(id, r); });
  };
  const auto keep = [](const Message& m) -> Expected<Message> { return m; };

  const auto large = [] {
    Embeddings e{{}, 12};
    for (int i = 0; i < 4; ++i) {
      auto& row = e.vectors.emplace_back(384);
      for (std::size_t j = 0; j < row.size(); ++j) row[j] = static_cast<float>(i) + static_cast<float>(j) / 512;
    }
    return e;
  };
  const auto hashed = [=] {
    Message m = links::reply_to_wire(id, large());
    m.header.flags |= kPayloadHash;
    return m;
  };
  const Delta delta{1, "Grüß", "weil", {{{5, "\xc3", -0.5F}, {{5, "\xc3", -0.5F}, {6, "a", -1.5F}}}}, {5, 9}};

  return {
      {"hello", hello(Kind::hello), hello_again},
      {"welcome", hello(Kind::welcome), hello_again},
      {"request-generate", work(golden_generate()), work_again},
      {"request-embed", work(Embed{golden_header(), "minilm-l6", {std::string{"one"}, std::vector<TokenId>{2, 3}}}),
       work_again},
      {"request-tokenize", work(Tokenize{golden_header(), "smollm2", "naïve", true, true}), work_again},
      {"request-detokenize", work(Detokenize{golden_header(), "smollm2", {1, 2, 48'000}}), work_again},
      {"request-template", work(ApplyTemplate{golden_header(), "smollm2", golden_chat(), false}), work_again},
      {"request-speak", work(Speak{golden_header(), "piper-joe", "Grüß Gott.", "joe", 1.25F, 16, AudioFormat::opus}),
       work_again},
      {"request-transcribe",
       work(Transcribe{golden_header(), "whisper-base", Buffer::of(std::string{"RIFF"}), "en", "Zenith, Koe", 0.25F}),
       work_again},
      {"request-picture",
       work(ReadImage{golden_header(), "ppocr-v4", ReadMode::ui, Buffer::of(std::string("\x89PNG\r\n"))}), work_again},
      {"event-started", event(Started{19}), event_again},
      {"event-audio-bytes", event(AudioBytes{{0, 1, 127, 128, 255}}), event_again},
      {"request-watch", work(Watch{golden_header(), "host.load", 4, 12.5, 32}), work_again},
      {"request-read-window", work(ReadWindow{golden_header(), "host.load", std::chrono::seconds{30}}), work_again},
      {"request-read-window-pictures",
       work(ReadWindow{golden_header(), "camera.image", std::chrono::seconds{30}, true}), work_again},
      {"request-set-sensor", work(SetSensor{golden_header(), "host.load", false}), work_again},
      {"event-frames", event(golden_frames()), event_again},
      {"reply-window",
       reply(Window{"host.load",
                    "1",
                    std::chrono::seconds{30},
                    29,
                    1,
                    1,
                    28.5,
                    {{"1 min", 0.5, 0.25, 0.75, 0.625, -0.125}},
                    "Sensor host.load, the last 30 s: 29 measurements"}),
       reply_again},
      {"reply-window-pictures",
       reply(Window{"camera.image",
                    "1",
                    std::chrono::seconds{30},
                    150,
                    0,
                    0,
                    29.8,
                    {},
                    "Sensor camera.image, the last 30 s: 150 pictures, no gaps.",
                    {{29.75, 1'700'000'000'000'000'000, Buffer::of(std::string{"BM first"})},
                     {0.125, 1'700'000'029'625'000'000, Buffer::of(std::string{"BM last"})}}}),
       reply_again},
      {"announce-sensor", [=] { return links::announcement_to_wire({{golden_sensor()}}); },
       [](const Message& m) { return links::announcement_from_wire(m).map(links::announcement_to_wire); }},
      {"event-audio", event(Audio{22'050, {0, 1, -1, 32'767, -32'768}}), event_again},
      {"event-delta", event(delta), event_again},
      {"event-end", event(ChoiceEnd{1, FinishReason::length, 64, 5}), event_again},
      {"event-finished", event(Finished{{19, 64, 1, 5}, {19, 64, 2, 0.5, 12.25, 640.125}}), event_again},
      {"error", event(Error{Errc::overloaded, "the line is full", "model", std::chrono::milliseconds{1500}}),
       event_again},
      {"reply-embeddings", hashed,
       [=](const Message& m) {
         return reply_again(m).map([](Message made) {
           made.header.flags |= kPayloadHash;
           return made;
         });
       }},
      {"reply-tokens", reply(Tokens{{7, 8, 9}}), reply_again},
      {"reply-transcript",
       reply(Transcript{"english",
                        2.5,
                        {{0.25, 1.5, " Grüß Gott.", {50'364, 7, 50'426}, -0.25F, 0.125F, 1.5F, 0.25F},
                         {1.5, 2.25, " Bye.", {50'426, 8, 50'464}, -0.5F, 0.125F, 1.5F, 0.25F}}}),
       reply_again},
      {"reply-picture",
       reply(ImageReading{640,
                          480,
                          {{"Grüß Gott", {10, 20, 110, 20, 110, 40, 10, 40}, 0.75F}},
                          {{ElementRole::box, "", {0, 0, 320, 240}, 0.5F, true, {1}},
                           {ElementRole::button, "Los", {8, 16, 120, 48}, 1.0F, false, {}}},
                          {1}}),
       reply_again},
      {"reply-text", reply(Text{"<|im_start|>user\nhi"}), reply_again},
      {"cancel", [=] { return links::cancel_to_wire(id); }, keep},
      {"grant", [=] { return links::grant_to_wire(id, 32); },
       [=](const Message& m) {
         return links::grant_from_wire(m).map([&](std::uint32_t n) { return links::grant_to_wire(id, n); });
       }},
      {"ping", bare(Kind::ping), keep},
      {"pong", bare(Kind::pong), keep},
      {"announce", [=] { return links::announcement_to_wire({{golden_member()}}); },
       [](const Message& m) { return links::announcement_from_wire(m).map(links::announcement_to_wire); }},
      {"view",
       [=] {
         return links::view_to_wire(
             {0x99aabbccddeeff01, 17, {golden_member(), Member{}}, {{"default", "smollm2"}}, true});
       },
       [](const Message& m) { return links::view_from_wire(m).map(links::view_to_wire); }},
      {"goodbye",
       [=] {
         Message m = bare(Kind::goodbye)();
         m.body = links::encode_error({Errc::draining, "the server is going", "", {}});
         return m;
       },
       error_again},
  };
}

}  // namespace zenith::wire
