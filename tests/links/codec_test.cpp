// Random messages of every kind through bodies, headers and frames, and back.
#include <gtest/gtest.h>

#include "random_messages.hpp"
#include "same.hpp"

namespace zenith::links::testing {
namespace {

constexpr int kRounds = 2000;
constexpr Instant kNow{std::chrono::hours{1000}};

// Through frames, whose first begins at an odd address, as small frames of a socket do.
wire::Message over_the_wire(const wire::Message& message) {
  auto frames = wire::to_frames(message);
  EXPECT_TRUE(frames) << frames.error().message;
  std::vector<std::byte> shifted(frames->front().size() + 5);
  std::copy(frames->front().bytes().begin(), frames->front().bytes().end(), shifted.begin() + 5);
  const auto size = frames->front().size();
  frames->front() = Buffer::of(std::move(shifted)).slice(5, size);
  auto back = wire::from_frames(*frames);
  EXPECT_TRUE(back) << back.error().message;
  return *back;
}

Expected<wire::Message> any_to_wire(const Request& request) {
  return std::visit([](const auto& r) { return to_wire(r, kNow); }, request);
}

TEST(codec, requests_come_back_equal) {
  Draw draw{1};
  for (int i = 0; i < kRounds; ++i) {
    const Request request = draw.request(kNow);
    const auto message = any_to_wire(request);
    ASSERT_TRUE(message) << message.error().message;
    const auto later = kNow + std::chrono::seconds{5};
    const auto back = request_from_wire(over_the_wire(*message), kNow);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_TRUE(same(*back, request)) << "round " << i;
    const auto deadline = [](const Request& r) {
      return std::visit([](const auto& w) { return w.header.deadline.at; }, r);
    };
    EXPECT_EQ(deadline(*request_from_wire(*message, later)) - later, deadline(request) - kNow)
        << "a budget, not a time";
  }
}

TEST(codec, events_come_back_equal) {
  Draw draw{2};
  for (int i = 0; i < kRounds; ++i) {
    const messages::Event event = draw.event();
    const RequestId id{draw.u64()};
    const auto message = over_the_wire(event_to_wire(id, event));
    EXPECT_EQ(message.header.request_id, id.value);
    EXPECT_EQ((message.header.flags & wire::kLast) != 0, messages::is_last(event));
    const auto back = event_from_wire(message);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_TRUE(same(*back, event)) << "round " << i;
  }
}

TEST(codec, replies_come_back_equal) {
  Draw draw{3};
  for (int i = 0; i < kRounds; ++i) {
    const Reply reply = draw.reply();
    const auto back = reply_from_wire(over_the_wire(reply_to_wire(RequestId{7}, reply)));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_TRUE(same(*back, reply)) << "round " << i;
  }
}

TEST(codec, announcements_and_views_come_back_equal) {
  Draw draw{4};
  for (int i = 0; i < kRounds; ++i) {
    const auto announcement = draw.announcement();
    const auto announced = announcement_from_wire(over_the_wire(announcement_to_wire(announcement)));
    ASSERT_TRUE(announced) << announced.error().message;
    EXPECT_TRUE(same(*announced, announcement)) << "round " << i;
    const auto view = draw.view();
    const auto viewed = view_from_wire(over_the_wire(view_to_wire(view)));
    ASSERT_TRUE(viewed) << viewed.error().message;
    EXPECT_TRUE(same(*viewed, view)) << "round " << i;
  }
}

TEST(codec, hellos_and_errors_come_back_equal) {
  Draw draw{5};
  for (int i = 0; i < kRounds; ++i) {
    const Peer peer = draw.peer();
    const auto met = decode_hello(encode_hello(peer));
    ASSERT_TRUE(met) << met.error().message;
    EXPECT_TRUE(same(*met, peer));
    const Error error = draw.error();
    const auto told = decode_error(encode_error(error));
    ASSERT_TRUE(told) << told.error().message;
    EXPECT_TRUE(same(*told, error));
  }
}

TEST(codec, grants_and_cancels_name_their_request) {
  const auto grant = grant_to_wire(RequestId{9}, 32);
  EXPECT_EQ(grant.header.request_id, 9U);
  EXPECT_EQ(grant_from_wire(grant), 32U);
  EXPECT_EQ(grant_from_wire(grant_to_wire(RequestId{9}, 0)).error().param, "events");
  EXPECT_EQ(cancel_to_wire(RequestId{9}).header.kind, wire::Kind::cancel);
}

TEST(codec, equal_messages_have_equal_bytes) {
  Draw draw{6}, again{6};
  for (int i = 0; i < 200; ++i) {
    const auto a = any_to_wire(draw.request(kNow)), b = any_to_wire(again.request(kNow));
    EXPECT_TRUE(
        std::equal(a->body.bytes().begin(), a->body.bytes().end(), b->body.bytes().begin(), b->body.bytes().end()));
  }
}

// ---- damage: nothing outside the enums and ranges comes out, whatever bit is wrong

bool in_range(const messages::Event& event) {
  if (const auto* end = std::get_if<messages::ChoiceEnd>(&event)) return end->reason <= messages::FinishReason::length;
  if (const auto* error = std::get_if<Error>(&event)) return error->code <= Errc::internal;
  if (const auto* delta = std::get_if<messages::Delta>(&event))
    return utf8_valid(delta->content) && utf8_valid(delta->reasoning);
  if (const auto* audio = std::get_if<messages::Audio>(&event))
    return audio->sample_rate > 0 && !audio->samples.empty() && audio->samples.size() <= messages::kMostSamples;
  return true;
}

bool in_range(const Request& request) {
  const auto& header = std::visit([](const auto& r) -> const messages::Header& { return r.header; }, request);
  if (header.priority > messages::Priority::interactive) return false;
  if (const auto* g = std::get_if<messages::Generate>(&request))
    return g->sampling.temperature >= 0 && g->sampling.top_p > 0 && g->sampling.top_p <= 1 && g->choices >= 1 &&
           utf8_valid(g->model);
  if (const auto* s = std::get_if<messages::Speak>(&request))
    return s->speed >= 0.25F && s->speed <= 4 && s->credit_events >= 1 && utf8_valid(s->input) && utf8_valid(s->voice);
  return true;
}

bool in_range(const std::vector<messages::Member>& members) {
  return std::all_of(members.begin(), members.end(), [](const messages::Member& m) {
    return m.status.role <= messages::Role::sensor && m.status.health <= messages::Health::failed &&
           (!m.model || m.model->kind <= messages::ModelKind::sensor) && utf8_valid(m.status.id);
  });
}

// Flips every bit of the body in turn (and of the header fields that become part of the message).
template <class Look>
void flip_each_bit(const wire::Message& good, Look look) {
  const std::vector<std::byte> bytes{good.body.bytes().begin(), good.body.bytes().end()};
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto damaged = bytes;
    damaged[bit / 8] ^= std::byte{1} << (bit % 8);
    wire::Message message = good;
    message.body = Buffer::of(std::move(damaged));
    look(message);
  }
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    wire::Message message = good;
    message.body = Buffer::of(std::vector<std::byte>{bytes.begin(), bytes.begin() + cut});
    look(message);
  }
  for (unsigned priority = 0; priority < 256; ++priority) {
    wire::Message message = good;
    message.header.priority = static_cast<std::uint8_t>(priority);
    look(message);
  }
}

template <class T>
void expect_error_or(const Expected<T>& got, bool ok) {
  if (got) {
    EXPECT_TRUE(ok);
  } else {
    EXPECT_EQ(got.error().code, Errc::bad_frame);
    EXPECT_FALSE(got.error().param.empty());
  }
}

TEST(damage, a_flipped_bit_of_a_request_gives_a_request_in_range_or_bad_frame) {
  Draw draw{7};
  for (int i = 0; i < 12; ++i) {
    flip_each_bit(*any_to_wire(draw.request(kNow)), [](const wire::Message& m) {
      const auto got = request_from_wire(m, kNow);
      expect_error_or(got, got && in_range(*got));
    });
  }
}

TEST(damage, a_flipped_bit_of_an_event_gives_an_event_in_range_or_bad_frame) {
  Draw draw{8};
  for (int i = 0; i < 40; ++i) {
    flip_each_bit(event_to_wire(RequestId{1}, draw.event()), [](const wire::Message& m) {
      const auto got = event_from_wire(m);
      expect_error_or(got, got && in_range(*got));
    });
  }
}

TEST(damage, a_flipped_bit_of_a_reply_gives_a_reply_or_bad_frame) {
  Draw draw{9};
  for (int i = 0; i < 40; ++i) {
    flip_each_bit(reply_to_wire(RequestId{1}, draw.reply()), [](const wire::Message& m) {
      const auto got = reply_from_wire(m);
      expect_error_or(got, true);
    });
  }
}

TEST(damage, a_flipped_bit_of_a_view_or_announcement_gives_one_in_range_or_bad_frame) {
  Draw draw{10};
  for (int i = 0; i < 8; ++i) {
    flip_each_bit(view_to_wire(draw.view()), [](const wire::Message& m) {
      const auto got = view_from_wire(m);
      expect_error_or(got, got && in_range(got->members));
    });
    flip_each_bit(announcement_to_wire(draw.announcement()), [](const wire::Message& m) {
      const auto got = announcement_from_wire(m);
      expect_error_or(got, got && in_range(got->members));
    });
  }
}

TEST(damage, random_bodies_are_errors_and_never_read_outside) {
  Draw draw{11};
  for (int i = 0; i < 20000; ++i) {
    wire::Message message;
    message.header.budget_us = 1;
    message.body = Buffer::of(draw.bytes() + draw.bytes() + draw.bytes() + draw.bytes());
    for (const auto kind : {wire::Kind::request, wire::Kind::event, wire::Kind::reply, wire::Kind::error,
                            wire::Kind::announce, wire::Kind::view, wire::Kind::grant}) {
      message.header.kind = kind;
      static_cast<void>(request_from_wire(message, kNow));
      static_cast<void>(event_from_wire(message));
      static_cast<void>(reply_from_wire(message));
      static_cast<void>(announcement_from_wire(message));
      static_cast<void>(view_from_wire(message));
      static_cast<void>(grant_from_wire(message));
    }
    static_cast<void>(decode_hello(message.body));
  }
}

}  // namespace
}  // namespace zenith::links::testing
