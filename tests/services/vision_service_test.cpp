// The vision service over a scripted reader and a worker that the test turns by hand.
#include "zenith/services/vision/vision_service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <stdexcept>

#include "zenith/actors/protocol.hpp"
#include "zenith/actors/system.hpp"
#include "zenith/core/effects.hpp"

namespace zenith::services {
namespace {

using namespace actors;
using testing::HasSubstr;

class HandWorker final : public Worker {
 public:
  Status submit(Job job) override {
    if (full) return fail(Errc::overloaded, "the worker is full");
    jobs.push_back(std::move(job));
    return {};
  }
  void stop() override { jobs.clear(); }
  bool run_one() {
    if (jobs.empty()) return false;
    const Job job = std::move(jobs.front());
    jobs.pop_front();
    job();
    return true;
  }
  std::deque<Job> jobs;
  bool full = false;
};

/// A picture's bytes are what it does.
class Scripted final : public ImageReader {
 public:
  const ImageReaderInfo& info() const noexcept override { return info_; }
  Expected<messages::ImageReading> read(const Buffer& image, messages::ReadMode mode,
                                        const std::function<bool()>& wanted) override {
    const std::string says{reinterpret_cast<const char*>(image.data()), image.size()};
    seen.push_back(says);
    if (says == "throw") throw std::runtime_error("a fault");
    if (says == "bad") return fail(Errc::invalid_argument, "image: the PNG is cut off", "image");
    if (during) during();
    if (!wanted()) return fail(Errc::cancelled, "not wanted");
    messages::ImageReading out;
    out.width = mode == messages::ReadMode::ui ? 2 : 1;
    return out;
  }
  std::vector<std::string> seen;
  std::function<void()> during;

 private:
  ImageReaderInfo info_{Generation{9}, "scripted"};
};

struct VisionServiceTest : testing::Test {
  FakeEffects effects;
  FakeClock& clock = effects.fake_clock;
  System system{clock, {.workers = 2, .deterministic = true}};
  HandWorker worker;
  LoadCell load;
  std::shared_ptr<Scripted> reader = std::make_shared<Scripted>();
  HostedService hosted = hosted_vision(reader);
  Ref<ServiceMessage> service{system.spawn("vision", hosted.make({&worker, &effects, &load, 2}))};
  std::vector<Expected<messages::ImageReading>> answers;

  ~VisionServiceTest() override {
    worker.stop();
    system.stop();
  }

  std::function<void(Error)> ask(const std::string& image, messages::ReadMode mode = messages::ReadMode::text) {
    const Promise<messages::ImageReading> answer{
        [this](Expected<messages::ImageReading> result) { answers.push_back(std::move(result)); },
        Error{Errc::unavailable, "broken", {}, {}}};
    messages::ReadImage request;
    request.mode = mode;
    request.image = Buffer::of(image);
    auto end = answer.breaker();
    service.send(ReadImageCall{std::move(request), answer});
    system.settle();
    return end;
  }
  void run() {
    while (worker.run_one()) system.settle();
  }
};

TEST_F(VisionServiceTest, says_what_it_is) {
  EXPECT_EQ(hosted.entry.kind, messages::ModelKind::vision);
  EXPECT_THAT(hosted.entry.input_modalities, testing::ElementsAre("image"));
  EXPECT_EQ(hosted.entry.generation, Generation{9});
}

TEST_F(VisionServiceTest, pictures_are_read_in_turn_and_the_load_is_shown) {
  ask("one");
  ask("two", messages::ReadMode::ui);
  EXPECT_EQ(worker.jobs.size(), 1U) << "one at a time";
  EXPECT_EQ(load.get().running, 1U);
  EXPECT_EQ(load.get().queue, 1U);
  run();
  EXPECT_THAT(reader->seen, testing::ElementsAre("one", "two"));
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0]->width, 1U);
  EXPECT_EQ(answers[1]->width, 2U);
  EXPECT_EQ(load.get().running + load.get().queue, 0U);
}

TEST_F(VisionServiceTest, a_full_line_is_refused_with_a_time_to_come_back) {
  ask("one");
  ask("two");
  ask("three");
  ask("four");
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].error().code, Errc::overloaded);
  EXPECT_GT(answers[0].error().retry_after.count(), 0);
  run();
  EXPECT_EQ(answers.size(), 4U);
}

TEST_F(VisionServiceTest, who_has_gone_is_not_read_and_makes_room) {
  ask("one");
  const auto end = ask("two");
  ask("three");
  end({Errc::cancelled, "gone", {}, {}});
  ask("four");
  run();
  EXPECT_THAT(reader->seen, testing::ElementsAre("one", "three", "four"));
}

TEST_F(VisionServiceTest, a_cancel_reaches_the_reader) {
  const auto end = ask("one");
  reader->during = [&] { end({Errc::cancelled, "gone", {}, {}}); };
  run();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].error().code, Errc::cancelled);
  reader->during = nullptr;
  ask("two");
  run();
  EXPECT_TRUE(answers.at(1)) << "the next one is read";
}

TEST_F(VisionServiceTest, faults_stay_with_their_picture) {
  ask("throw");
  ask("bad");
  ask("good");
  run();
  EXPECT_EQ(answers.at(0).error().code, Errc::internal);
  EXPECT_EQ(answers.at(1).error().code, Errc::invalid_argument);
  EXPECT_TRUE(answers.at(2));
}

TEST_F(VisionServiceTest, a_full_worker_is_an_error_and_no_end) {
  worker.full = true;
  ask("one");
  EXPECT_EQ(answers.at(0).error().code, Errc::overloaded);
  worker.full = false;
  ask("two");
  run();
  EXPECT_TRUE(answers.at(1));
}

TEST_F(VisionServiceTest, everything_else_is_refused) {
  std::optional<Error> error;
  service.send(TokenizeCall{{}, Promise<messages::Tokens>{[&](auto result) { error = result.error(); }, Error{}}});
  system.settle();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::invalid_argument);
  EXPECT_THAT(error->message, HasSubstr("reads pictures"));
}

TEST_F(VisionServiceTest, its_end_answers_those_who_wait) {
  ask("one");
  ask("two");
  system.kill(service.address());
  system.settle();
  worker.stop();
  ASSERT_EQ(answers.size(), 2U);
  for (const auto& answer : answers) EXPECT_EQ(answer.error().code, Errc::unavailable);
}

}  // namespace
}  // namespace zenith::services
