// Rings, cursors and digests of sensors: plain state.
#include "zenith/services/sensor/sensor_core.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <limits>
#include <random>

#include "zenith/services/sensor/child_board.hpp"
#include "zenith/services/sensor/digest.hpp"

namespace zenith::services {
namespace {

using messages::BackPressure;
using messages::Frames;
using messages::SeqRange;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kMs = 1'000'000;

/// Frames of one f32 each; value = number.
FrameBlock block(std::uint64_t first, std::size_t n, std::int64_t period_ns = kMs) {
  FrameBlock out;
  std::vector<float> values;
  for (std::size_t i = 0; i < n; ++i) {
    const auto seq = first + i;
    out.heads.push_back({seq, static_cast<std::int64_t>(seq + 1) * period_ns, 0, 0});
    values.push_back(static_cast<float>(seq));
  }
  std::vector<std::byte> data(values.size() * sizeof(float));
  std::memcpy(data.data(), values.data(), data.size());
  out.data = Buffer::of(std::move(data));
  return out;
}

SensorChannel channel(BackPressure policy = BackPressure::drop_oldest) {
  SensorChannel out;
  out.id = "test.level";
  out.entry.channel = "level";
  out.entry.unit = "Cel";
  out.entry.policy = policy;
  return out;
}

struct Core : testing::Test {
  static messages::Watch watch(std::uint64_t id, std::optional<std::uint64_t> from = {}, std::uint32_t credit = 100) {
    messages::Watch w;
    w.header.id = RequestId{id};
    w.model = "test.level";
    w.from = from;
    w.credit_events = credit;
    return w;
  }
  std::vector<Frames> frames(SensorCore& core, std::uint64_t id) {
    std::vector<Frames> out;
    for (auto& [who, event] : core.take_events()) {
      if (who == RequestId{id} && std::holds_alternative<Frames>(event)) out.push_back(std::get<Frames>(event));
    }
    return out;
  }
  static std::vector<std::uint64_t> seqs(const std::vector<Frames>& events) {
    std::vector<std::uint64_t> out;
    for (const auto& e : events) {
      for (const auto& head : e.heads) out.push_back(head.seq);
    }
    return out;
  }
  static float value(const Frames& e, std::size_t i) {
    float v;
    std::memcpy(&v, e.data.data() + i * sizeof v, sizeof v);
    return v;
  }
};

TEST_F(Core, a_reader_gets_what_comes_from_now_on_whole_and_in_order) {
  SensorCore core{channel(), {}};
  core.add(block(0, 3));
  core.watch(watch(1));
  EXPECT_TRUE(frames(core, 1).empty());
  core.add(block(3, 2));
  core.add(block(5, 1));
  const auto got = frames(core, 1);
  EXPECT_THAT(seqs(got), ElementsAre(3, 4, 5));
  EXPECT_EQ(value(got[0], 1), 4);
  EXPECT_EQ(got.back().next, 6U);
  for (const auto& e : got) EXPECT_FALSE(e.lost);
}

TEST_F(Core, from_a_number_it_gets_the_window_and_is_told_what_is_gone) {
  SensorLimits limits;
  limits.ring.keep = std::chrono::milliseconds(10);
  SensorCore core{channel(), limits};
  for (std::uint64_t i = 0; i < 40; ++i) core.add(block(i, 1));
  core.watch(watch(1, 5));
  const auto got = frames(core, 1);
  ASSERT_FALSE(got.empty());
  const auto first = got.front().heads.front();
  EXPECT_GT(first.seq, 20U);
  EXPECT_EQ(got.front().lost, (SeqRange{5, first.seq - 1}));
  EXPECT_EQ(first.flags & messages::kFrameGap, messages::kFrameGap);
  EXPECT_EQ(seqs(got).back(), 39U);
  EXPECT_EQ(core.lost(), first.seq - 5);
}

TEST_F(Core, a_slow_reader_loses_and_slows_nobody) {
  SensorLimits limits;
  limits.ring.keep = std::chrono::milliseconds(100);
  SensorCore core{channel(), limits};
  core.watch(watch(1, 0, 1));
  core.watch(watch(2, 0, 1000));
  std::vector<Frames> fast;
  for (std::uint64_t i = 0; i < 500; i += 10) {
    core.add(block(i, 10));
    for (auto& [who, event] : core.take_events()) {
      if (who == RequestId{2}) fast.push_back(std::get<Frames>(event));
    }
  }
  EXPECT_EQ(seqs(fast).size(), 500U);
  core.grant(RequestId{1}, 1000);
  const auto slow = frames(core, 1);
  ASSERT_FALSE(slow.empty());
  ASSERT_TRUE(slow.front().lost);
  EXPECT_EQ(slow.front().lost->first, 10U) << "it had had the first event";
  EXPECT_EQ(slow.front().lost->last + 1, slow.front().heads.front().seq);
  EXPECT_EQ(seqs(slow).back(), 499U);
}

TEST_F(Core, latest_gives_the_newest_and_counts_what_it_skips) {
  SensorCore core{channel(BackPressure::latest), {}};
  core.watch(watch(1, 0, 1));
  core.add(block(0, 1));
  EXPECT_THAT(seqs(frames(core, 1)), ElementsAre(0));
  core.add(block(1, 5));
  core.add(block(6, 5));
  core.grant(RequestId{1}, 1);
  const auto got = frames(core, 1);
  EXPECT_THAT(seqs(got), ElementsAre(10));
  EXPECT_EQ(got[0].lost, (SeqRange{1, 9}));
}

TEST_F(Core, a_rate_thins_without_calling_it_a_loss) {
  SensorCore core{channel(), {}};
  auto w = watch(1, 0);
  w.rate_hz = 100;
  core.watch(w);
  for (std::uint64_t i = 0; i < 1000; i += 7) core.add(block(i, std::min<std::size_t>(7, 1000 - i)));
  const auto got = frames(core, 1);
  const auto all = seqs(got);
  EXPECT_NEAR(static_cast<double>(all.size()), 100, 2);
  for (std::size_t i = 0; i + 1 < all.size(); ++i) EXPECT_NEAR(static_cast<double>(all[i + 1] - all[i]), 10, 1);
  for (const auto& e : got) {
    EXPECT_FALSE(e.lost);
    EXPECT_EQ(value(e, 0), static_cast<float>(e.heads[0].seq)) << "values go with their heads";
  }
}

TEST_F(Core, a_hole_is_told_before_the_frame_that_follows_it) {
  SensorCore core{channel(), {}};
  core.watch(watch(1, 0));
  auto holed = block(0, 4);
  holed.heads[2].seq = 7;
  holed.heads[3].seq = 8;
  core.add(std::move(holed));
  const auto got = frames(core, 1);
  ASSERT_EQ(got.size(), 2U);
  EXPECT_THAT(seqs({got[0]}), ElementsAre(0, 1));
  EXPECT_THAT(seqs({got[1]}), ElementsAre(7, 8));
  EXPECT_EQ(got[1].lost, (SeqRange{2, 6}));
  EXPECT_EQ(got[1].heads[0].flags & messages::kFrameGap, messages::kFrameGap);
}

TEST_F(Core, numbers_that_begin_again_are_a_gap_and_the_reader_goes_on) {
  SensorCore core{channel(), {}};
  core.watch(watch(1, 5000));
  core.add(block(0, 3));
  const auto got = frames(core, 1);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_THAT(seqs(got), ElementsAre(0, 1, 2));
  EXPECT_EQ(got[0].heads[0].flags & messages::kFrameGap, messages::kFrameGap);
  EXPECT_FALSE(got[0].lost) << "nobody knows what is missing";
}

// Whatever comes in whatever order: no number twice, none out of order, and what is missing is exactly what is told.
TEST_F(Core, random_readers_account_for_every_number) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    const auto up_to = [&](std::uint64_t most) {
      return std::uniform_int_distribution<std::uint64_t>{0, most}(random);
    };
    SensorLimits limits;
    limits.ring.keep = std::chrono::milliseconds(up_to(300));
    SensorCore core{channel(up_to(3) == 0 ? BackPressure::latest : BackPressure::drop_oldest), limits};
    core.watch(watch(1, 0, 1));
    std::uint64_t next = 0, accounted = 0;
    const auto drain = [&] {
      for (const auto& e : frames(core, 1)) {
        if (e.lost) {
          ASSERT_EQ(e.lost->first, accounted);
          accounted = e.lost->last + 1;
        }
        for (std::size_t i = 0; i < e.heads.size(); ++i) {
          ASSERT_EQ(e.heads[i].seq, accounted++) << "seed " << seed;
          ASSERT_EQ(value(e, i), static_cast<float>(e.heads[i].seq));
        }
        ASSERT_EQ(e.next, accounted);
      }
    };
    for (int step = 0; step < 300; ++step) {
      if (up_to(2) == 0) core.grant(RequestId{1}, static_cast<std::uint32_t>(up_to(3)));
      next += up_to(9) == 0 ? up_to(20) : 0;
      const auto n = 1 + up_to(12);
      core.add(block(next, n));
      next += n;
      drain();
    }
    core.grant(RequestId{1}, 100'000);
    drain();
    ASSERT_EQ(accounted, next) << "seed " << seed;
  }
}

TEST_F(Core, a_window_too_long_is_refused_and_a_full_service_too) {
  SensorLimits limits;
  limits.subscribers = 1;
  SensorCore core{channel(), limits};
  messages::ReadWindow read;
  read.window = messages::kLongestWindow + std::chrono::milliseconds(1);
  EXPECT_EQ(core.window(read, Instant{}).error().param, "window");
  read.window = std::chrono::milliseconds(0);
  EXPECT_EQ(core.window(read, Instant{}).error().code, Errc::invalid_argument);
  core.watch(watch(1));
  core.watch(watch(2));
  const auto events = core.take_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(std::get<Error>(events[0].second).code, Errc::overloaded);
}

TEST(digest, has_the_numbers_of_the_window_and_says_them) {
  FrameRing ring;
  ring.add(block(0, 10, 1000 * kMs));
  ring.add(block(12, 8, 1000 * kMs));  // 10 and 11 are missing
  const auto window = digest(channel(), ring, 5000 * kMs, std::chrono::seconds(30));
  EXPECT_EQ(window.frames, 13U);  // 5 … 9, 12 … 19
  EXPECT_EQ(window.lost, 2U);
  EXPECT_EQ(window.gaps, 1U);
  ASSERT_EQ(window.elements.size(), 1U);
  const auto& e = window.elements[0];
  EXPECT_EQ(e.label, "level");
  EXPECT_EQ(e.min, 5);
  EXPECT_EQ(e.max, 19);
  EXPECT_EQ(e.last, 19);
  EXPECT_NEAR(e.mean, (5 + 6 + 7 + 8 + 9 + 12 + 13 + 14 + 15 + 16 + 17 + 18 + 19) / 13.0, 1e-9);
  EXPECT_NEAR(e.slope_per_s, 1, 1e-9);
  EXPECT_NEAR(window.span_s, 14, 1e-9);
  EXPECT_THAT(window.text, HasSubstr("Sensor test.level, the last 30 s: 13 measurements, 1 gap (2 missing)"));
  EXPECT_THAT(window.text, HasSubstr("last 19 °C"));
  EXPECT_THAT(window.text, HasSubstr("rising (+14 °C in 14 s)"));
}

TEST(digest, of_nothing_says_so_and_values_that_are_no_numbers_are_left_out) {
  FrameRing ring;
  EXPECT_THAT(digest(channel(), ring, 0, std::chrono::seconds(1)).text, HasSubstr("no measurements"));
  auto bad = block(0, 3);
  std::vector<float> values{1, std::numeric_limits<float>::quiet_NaN(), 3};
  std::vector<std::byte> data(12);
  std::memcpy(data.data(), values.data(), 12);
  bad.data = Buffer::of(std::move(data));
  ring.add(std::move(bad));
  const auto window = digest(channel(), ring, 0, std::chrono::seconds(1));
  EXPECT_EQ(window.frames, 3U);
  EXPECT_EQ(window.elements[0].mean, 2);
  EXPECT_EQ(window.elements[0].max, 3);
}

struct Camera : testing::Test {
  static SensorChannel channel_of_pictures() {
    SensorChannel camera = channel(BackPressure::latest);
    camera.id = "camera.image";
    camera.entry.dtype = messages::SampleType::u8;
    camera.entry.shape = {0, 0, 3};
    return camera;
  }
  /// One picture a second from 1 s on, of one grey.
  static FrameBlock shot(std::uint64_t seq, std::uint8_t grey, std::uint32_t width = 2, std::uint32_t height = 2) {
    FrameBlock out;
    out.dims = {height, width, 3};
    out.heads.push_back({seq, static_cast<std::int64_t>(seq + 1) * 1000 * kMs, 7'000 * kMs, 0});
    out.data = Buffer::of(std::vector<std::byte>(std::size_t{width} * height * 3, std::byte{grey}));
    return out;
  }
  static Instant at(std::int64_t ms) { return Instant{std::chrono::milliseconds(ms)}; }
  static std::vector<int> greys(const messages::Window& window) {
    std::vector<int> out;
    for (const auto& p : window.pictures) out.push_back(static_cast<int>(p.file.bytes()[54]));
    return out;
  }
  Camera() {
    read.window = std::chrono::seconds(30);
    read.pictures = true;
  }
  messages::ReadWindow read;
  SensorCore core{channel_of_pictures(), {}};
};

TEST_F(Camera, a_window_is_the_last_picture_and_others_spread_over_it) {
  for (std::uint8_t i = 0; i < 60; ++i) core.add(shot(i, i));
  const auto window = core.window(read, at(60'500));
  ASSERT_TRUE(window);
  EXPECT_EQ(window->frames, 30U);
  EXPECT_TRUE(window->elements.empty()) << "pixels are no measurements";
  EXPECT_EQ(window->text, "Sensor camera.image, the last 30 s: 30 pictures, no gaps.");
  EXPECT_THAT(greys(*window), ElementsAre(30, 45, 59));
  EXPECT_DOUBLE_EQ(window->pictures[0].before_end_s, 29.5);
  EXPECT_DOUBLE_EQ(window->pictures[2].before_end_s, 0.5);
  EXPECT_EQ(window->pictures[2].wall_ns, 7'000 * kMs);
  const auto head = window->pictures[2].file.bytes();
  EXPECT_EQ(static_cast<char>(head[0]), 'B');
}

TEST_F(Camera, what_does_not_change_is_shown_once) {
  for (std::uint8_t i = 0; i < 20; ++i) core.add(shot(i, 9));
  const auto still = core.window(read, at(20'500));
  EXPECT_EQ(still->frames, 20U);
  EXPECT_THAT(greys(*still), ElementsAre(9));
  EXPECT_DOUBLE_EQ(still->pictures[0].before_end_s, 0.5) << "the newest of them";
  core.add(shot(20, 9, 4, 1));
  EXPECT_THAT(greys(*core.window(read, at(21'000))), ElementsAre(9, 9)) << "of another shape";
}

TEST_F(Camera, an_empty_window_and_a_single_picture) {
  EXPECT_EQ(core.window(read, at(1000))->text, "Sensor camera.image, the last 30 s: no pictures.");
  core.add(shot(0, 3));
  EXPECT_THAT(greys(*core.window(read, at(1500))), ElementsAre(3));
  const auto later = core.window(read, at(40'000));
  EXPECT_EQ(later->frames, 0U);
  EXPECT_TRUE(later->pictures.empty());
}

TEST_F(Camera, large_pictures_are_fewer_and_too_large_ones_refused_with_the_numbers) {
  SensorCore large{channel_of_pictures(), {{.bytes = std::size_t{128} << 20}, 1}};
  for (std::uint8_t i = 0; i < 3; ++i) large.add(shot(i, i, 2500, 2000));
  EXPECT_THAT(greys(*large.window(read, at(3500))), ElementsAre(1, 2)) << "15 MB each";
  large.add(shot(3, 3, 4000, 3000));
  const auto refused = large.window(read, at(4500));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::payload_too_large);
  EXPECT_EQ(refused.error().param, "sensor_id");
  EXPECT_THAT(refused.error().message, HasSubstr("4000 x 3000 pixels"));
}

TEST_F(Camera, without_pictures_its_window_is_refused_and_the_error_says_what_to_do) {
  read.pictures = false;
  const auto window = core.window(read, Instant{});
  ASSERT_FALSE(window);
  EXPECT_EQ(window.error().code, Errc::unsupported);
  EXPECT_EQ(window.error().param, "sensor_id");
  EXPECT_THAT(window.error().message, HasSubstr("GET /v1/sensors/camera.image/picture"));
}

TEST(digest, units_are_written_as_people_do) {
  EXPECT_EQ(with_unit(1.5 * 1024 * 1024 * 1024, "By"), "1.5 GiB");
  EXPECT_EQ(with_unit(100, "By"), "100 bytes");
  EXPECT_EQ(with_unit(2048, "By/s"), "2 KiB/s");
  EXPECT_EQ(with_unit(12.5, "%"), "12.5 %");
  EXPECT_EQ(with_unit(0.25, "1"), "0.25");
  EXPECT_EQ(with_unit(21, "Cel"), "21 °C");
}

TEST(child_board, outlives_the_child_and_trusts_nothing) {
  auto parent = ChildBoard::create();
  ASSERT_TRUE(parent);
  auto child = ChildBoard::open(dup(parent->fd()));
  ASSERT_TRUE(child);
  child->set_phase(SensorPhase::read_batch);
  child->set_fault(std::string(600, 'x') + "\n");
  child->set_numbers(7, 2, {41, 9});
  EXPECT_EQ(parent->phase(), SensorPhase::read_batch);
  EXPECT_EQ(parent->fault().size(), 511U);
  EXPECT_EQ(parent->numbers(7, 2)->next, 41U);
  EXPECT_FALSE(parent->numbers(8, 2)) << "of another manifest";
  EXPECT_FALSE(parent->numbers(7, 99));
  child->set_fault("bad\n\x1b[31m");
  EXPECT_EQ(parent->fault(), "bad??[31m");
  child->set_phase(static_cast<SensorPhase>(1234));
  EXPECT_EQ(name_of(parent->phase()), "no known call");
}

}  // namespace
}  // namespace zenith::services
