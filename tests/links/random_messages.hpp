// Messages of every kind, drawn from a seed; every field is set to something now and then.
#pragma once

#include <random>

#include "zenith/core/utf8.hpp"
#include "zenith/links/codec.hpp"

namespace zenith::links::testing {

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}

  std::uint64_t up_to(std::uint64_t most) { return std::uniform_int_distribution<std::uint64_t>{0, most}(random_); }
  bool coin() { return up_to(1) == 1; }
  std::uint32_t u32() { return static_cast<std::uint32_t>(up_to(coin() ? 9 : 0xffffffff)); }
  std::uint64_t u64() { return coin() ? up_to(9) : up_to(~std::uint64_t{0}); }
  float real(float low, float high) { return std::uniform_real_distribution<float>{low, high}(random_); }

  std::string text(std::size_t most = 12) {
    std::string out;
    for (auto n = up_to(most); n > 0; --n) {
      char32_t c = static_cast<char32_t>(up_to(std::array{0x7f, 0x7ff, 0xffff, 0x10ffff}[up_to(3)]));
      if (c >= 0xd800 && c < 0xe000) c = U'é';
      utf8_append(out, c);
    }
    return out;
  }
  std::string bytes() {
    std::string out(up_to(5), ' ');
    for (char& c : out) c = static_cast<char>(up_to(255));
    return out;
  }
  template <class F>
  auto some(std::size_t most, F one) {
    std::vector<decltype(one())> out(up_to(most));
    for (auto& v : out) v = one();
    return out;
  }
  std::vector<std::string> texts() {
    return some(3, [&] { return text(); });
  }
  std::vector<TokenId> tokens() {
    return some(40, [&] { return static_cast<TokenId>(u32()); });
  }
  template <class E>
  E one_of(E last) {
    return static_cast<E>(up_to(static_cast<std::uint64_t>(last)));
  }

  Value value(int depth) {
    switch (up_to(depth > 0 ? 6 : 4)) {
      case 0: return nullptr;
      case 1: return coin();
      case 2: return static_cast<std::int64_t>(u64());
      case 3: return static_cast<double>(real(-1e9F, 1e9F));
      case 4: return text();
      case 5: return some(3, [&] { return value(depth - 1); });
      default: return object(depth - 1);
    }
  }
  Value::Object object(int depth) {
    Value::Object out;
    for (auto n = up_to(3); n > 0; --n) out.emplace_back(std::to_string(n) + text(), value(depth));
    return out;
  }

  messages::Header header(Instant now) {
    messages::Header h;
    h.id = RequestId{u64()};
    h.tenant = TenantId{u32()};
    h.deadline = Deadline{now + std::chrono::microseconds{up_to(4'000'000'000)}};
    h.priority = one_of(messages::Priority::interactive);
    for (auto& b : h.trace.trace_id) b = static_cast<std::uint8_t>(up_to(255));
    for (auto& b : h.trace.span_id) b = static_cast<std::uint8_t>(up_to(255));
    h.trace.flags = static_cast<std::uint8_t>(up_to(255));
    return h;
  }
  messages::Chat chat() {
    return {some(4, [&] { return messages::ChatMessage{text(), texts(), text(), text()}; }), object(4), text()};
  }
  messages::Prompt prompt() {
    switch (up_to(2)) {
      case 0: return chat();
      case 1: return text(200);
      default: return tokens();
    }
  }
  SamplingParams sampling() {
    SamplingParams s;
    if (coin()) return s;
    s.temperature = real(0, 2);
    s.top_p = real(0.01F, 1);
    s.min_p = real(0, 0.9F);
    s.top_k = static_cast<std::int32_t>(up_to(1000));
    s.presence_penalty = real(-2, 2);
    s.frequency_penalty = real(-2, 2);
    s.repeat_penalty = real(0.1F, 9);
    if (coin()) s.seed = u64();
    s.logit_bias = some(5, [&] { return std::pair{static_cast<TokenId>(u32()), real(-100, 100)}; });
    s.ignore_eos = coin();
    return s;
  }
  messages::Generate generate(Instant now) {
    messages::Generate g;
    g.header = header(now);
    g.model = text();
    g.prompt = prompt();
    g.sampling = sampling();
    g.choices = static_cast<std::uint32_t>(1 + up_to(4));
    if (coin()) g.max_tokens = u32();
    g.stop = texts();
    g.logprobs = coin();
    g.top_logprobs = static_cast<std::uint32_t>(up_to(20));
    g.echo = coin();
    g.credit_events = u32();
    g.now_unix_seconds = static_cast<std::int64_t>(u64());
    g.credit_spent = u32();
    if (coin()) {
      for (std::uint32_t i = 0; i < g.choices; ++i) g.resume.push_back({tokens(), coin(), coin(), u32(), u32()});
    }
    return g;
  }
  messages::Embed embed(Instant now) {
    messages::Embed e{header(now), text(), {}};
    for (auto n = up_to(4); n > 0; --n) {
      if (coin()) {
        e.inputs.emplace_back(text());
      } else {
        e.inputs.emplace_back(tokens());
      }
    }
    return e;
  }
  messages::Transcript transcript() {
    return {text(), real(0, 9000), some(5, [&] {
              const double start = real(0, 100);
              return messages::TranscriptSegment{start,       start + real(0, 9), text(60),   tokens(),
                                                 real(-9, 0), real(0, 1),         real(0, 9), real(0, 1)};
            })};
  }
  messages::SensorEntry sensor() {
    return {text(),
            text(),
            text(),
            text(),
            text(),
            one_of(messages::SampleType::f64),
            some(4, [&] { return static_cast<std::uint32_t>(up_to(1u << 24)); }),
            texts(),
            real(0, 1e6F),
            one_of(messages::BackPressure::latest),
            coin()};
  }
  messages::Frames frames() {
    messages::Frames f;
    f.dtype = one_of(messages::SampleType::f64);
    f.dims = some(4, [&] { return static_cast<std::uint32_t>(1 + up_to(5)); });
    std::size_t bytes = messages::size_of(f.dtype);
    for (const auto dim : f.dims) bytes *= dim;
    std::uint64_t seq = up_to(1000);
    for (auto n = 1 + up_to(20); n > 0; --n) {
      f.heads.push_back({seq, static_cast<std::int64_t>(u64()), static_cast<std::int64_t>(u64()),
                         static_cast<std::uint32_t>(up_to(messages::kFrameFlags))});
      seq += 1 + up_to(3);
    }
    std::vector<std::byte> data(bytes * f.heads.size());
    for (auto& b : data) b = static_cast<std::byte>(up_to(255));
    f.data = Buffer::of(std::move(data));
    f.next = seq;
    if (coin()) f.lost = messages::SeqRange{3, 3 + up_to(100)};
    return f;
  }
  messages::Window window() {
    return {text(),
            text(),
            std::chrono::milliseconds{up_to(300'000)},
            u64(),
            u64(),
            u64(),
            real(0, 300),
            some(messages::kMostStats,
                 [&] {
                   return messages::ElementStats{text(),      real(-9, 9), real(-9, 9),
                                                 real(-9, 9), real(-9, 9), real(-9, 9)};
                 }),
            text(100),
            some(messages::kMostWindowPictures, [&] {
              return messages::WindowPicture{real(0, 300), static_cast<std::int64_t>(u64()), Buffer::of(bytes() + "x")};
            })};
  }
  Request request(Instant now) {
    switch (up_to(11)) {
      case 7: {
        messages::Watch w{header(now), text(), {}, real(0, 1e6F), u32()};
        if (coin()) w.from = u64();
        return w;
      }
      case 8: return messages::ReadWindow{header(now), text(), std::chrono::milliseconds{1 + up_to(299'999)}, coin()};
      case 9: return messages::SetSensor{header(now), text(), coin()};
      case 6: return messages::Transcribe{header(now), text(), Buffer::of(bytes() + "x"), text(), text(90), real(0, 1)};
      case 0: return embed(now);
      case 5: {
        std::vector<std::byte> image(1 + up_to(5000));
        for (auto& byte : image) byte = static_cast<std::byte>(up_to(255));
        return messages::ReadImage{header(now), text(), one_of(messages::ReadMode::ui), Buffer::of(std::move(image))};
      }
      case 4:
        return messages::Speak{
            header(now), text(), text(100), text(), real(0.25F, 4), 1 + u32() / 2, one_of(messages::AudioFormat::aac)};
      case 1: return messages::Tokenize{header(now), text(), text(100), coin(), coin()};
      case 2: return messages::Detokenize{header(now), text(), tokens()};
      case 3: return messages::ApplyTemplate{header(now), text(), chat(), coin()};
      default: return generate(now);
    }
  }

  Error error() { return {one_of(Errc::internal), text(80), text(), std::chrono::milliseconds{coin() ? 0 : u32()}}; }
  messages::LogprobEntry entry() { return {static_cast<TokenId>(u32()), bytes(), real(-30, 0)}; }
  messages::Event event() {
    switch (up_to(7)) {
      case 7: return frames();
      case 0: return messages::Started{u32()};
      case 4: {
        messages::Audio audio{1 + u32() / 2, std::vector<std::int16_t>(1 + up_to(5000))};
        for (auto& sample : audio.samples) sample = static_cast<std::int16_t>(u32());
        return audio;
      }
      case 5: {
        messages::AudioBytes bytes{std::vector<std::uint8_t>(1 + up_to(5000))};
        for (auto& byte : bytes.bytes) byte = static_cast<std::uint8_t>(u32());
        return bytes;
      }
      case 1:
        return messages::Delta{
            u32(), text(), text(),
            some(3, [&] { return messages::TokenLogprobs{entry(), some(4, [&] { return entry(); })}; }), tokens()};
      case 2: return messages::ChoiceEnd{u32(), one_of(messages::FinishReason::length), u32(), u32()};
      case 3:
        return messages::Finished{
            {u32(), u32(), u32(), u32()}, {u32(), u32(), u32(), real(0, 1e6F), real(0, 1e6F), real(0, 1e6F)}, texts()};
      default: return error();
    }
  }
  messages::ImageReading reading() {
    messages::ImageReading out{u32(), u32(), {}, {}, {}};
    out.lines = some(5, [&] {
      messages::ReadLine line{text(40), {}, real(0, 1)};
      for (float& v : line.box) v = real(-10, 5000);
      return line;
    });
    const auto n = static_cast<std::uint32_t>(up_to(6));
    for (std::uint32_t i = 0; i < n; ++i) {
      const auto x = static_cast<std::uint32_t>(up_to(1000)), y = static_cast<std::uint32_t>(up_to(1000));
      messages::ScreenElement element{
          one_of(messages::ElementRole::image), text(), {x, y, x + 5, y}, real(0, 1), coin(), {}};
      for (std::uint32_t child = i + 1; child < n; ++child) {
        if (coin()) element.children.push_back(child);
      }
      out.elements.push_back(std::move(element));
      if (coin()) out.reading_order.push_back(i);
    }
    return out;
  }
  Reply reply() {
    Reply out = answer();
    std::visit(
        [&](auto& a) {
          if constexpr (requires { a.spent; }) a.spent = {u32(), u32(), 0, 0};
        },
        out);
    return out;
  }
  Reply answer() {
    switch (up_to(6)) {
      case 3: return transcript();
      case 4: return reading();
      case 5: return window();
      case 0: {
        const std::size_t width = 1 + up_to(50);
        const auto vector = [&] {
          std::vector<float> out(width);
          for (float& v : out) v = real(-1, 1);
          return out;
        };
        return messages::Embeddings{some(40, vector), u32()};
      }
      case 1: return messages::Tokens{tokens()};
      case 2: return messages::Text{text(100)};
      default: return error();
    }
  }
  Peer peer() { return {0, text(), text(), text(), text()}; }
  messages::Member member() {
    messages::Member m;
    m.status = {one_of(messages::Role::sensor), text(), one_of(messages::Health::failed), text(), text(60)};
    if (coin())
      m.model = messages::ModelEntry{text(),
                                     one_of(messages::ModelKind::sensor),
                                     text(),
                                     texts(),
                                     texts(),
                                     u32(),
                                     text(),
                                     text(),
                                     Generation{u64()},
                                     static_cast<std::int64_t>(u64()),
                                     texts(),
                                     text(),
                                     u32()};
    if (m.model && coin()) m.model->sensor = sensor();
    m.epoch = u64();
    m.endpoint = text();
    m.server_key = text();
    m.numerics = text();
    m.load = {u32(), u32(), u32(), u32(), u32(), u64()};
    m.contact = coin();
    return m;
  }
  messages::Announcement announcement() {
    return {some(5, [&] { return member(); })};
  }
  messages::View view() {
    messages::View v{u64(), u64(), some(5, [&] { return member(); }), {}, coin()};
    for (auto n = up_to(4); n > 0; --n) v.aliases.emplace(text(), text());
    return v;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace zenith::links::testing
