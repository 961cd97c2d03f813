// The actor of a model that hears: one at a time, a bounded line, and nothing done for whom nobody waits.
#include "harness.hpp"
#include "zenith/services/voice/transcriber.hpp"

namespace zenith::services {
namespace {

using namespace actors;

struct ScriptedTranscriber final : Transcriber {
  const TranscriberInfo& info() const noexcept override { return info_; }
  Expected<messages::Transcript> transcribe(const messages::Transcribe& request,
                                            const std::function<bool()>& go_on) override {
    if (during) during();
    if (!go_on()) return fail(Errc::cancelled, "stopped");
    if (request.prompt == "throw") throw std::runtime_error("injected fault");
    heard.push_back(request.prompt);
    return messages::Transcript{"english", static_cast<double>(request.audio.size()), {}};
  }
  TranscriberInfo info_{Generation{7}, "scripted"};
  std::function<void()> during;
  std::vector<std::string> heard;
};

struct Hearing : testing::Test {
  Hearing() {
    service = system.spawn_as<ServiceMessage>("hear",
                                              make_transcribe_service(transcriber, {&worker, effects.get(), &load, 2}));
    system.settle();
  }
  struct Asked {
    std::optional<Expected<messages::Transcript>> answer;
    Promise<messages::Transcript> promise;
  };
  std::shared_ptr<Asked> ask(std::string prompt) {
    auto asked = std::make_shared<Asked>();
    asked->promise = {[asked = asked.get()](Expected<messages::Transcript> t) { asked->answer = std::move(t); },
                      Error{Errc::unavailable, "lost", {}, {}}};
    messages::Transcribe request;
    request.audio = Buffer::of(std::string{"abc"});
    request.prompt = std::move(prompt);
    service.send(TranscribeCall{std::move(request), asked->promise});
    system.settle();
    return asked;
  }
  static void give_up(const Asked& asked) { asked.promise.breaker()(Error{Errc::cancelled, "gone", {}, {}}); }
  void work() {
    worker.run_one();
    system.settle();
  }

  const std::unique_ptr<Effects> effects = system_effects();
  ManualWorker worker;
  LoadCell load;
  std::shared_ptr<ScriptedTranscriber> transcriber = std::make_shared<ScriptedTranscriber>();
  System system{effects->clock(), {.deterministic = true}};
  Ref<ServiceMessage> service;
};

TEST_F(Hearing, requests_are_heard_in_turn_and_the_line_is_bounded) {
  const auto first = ask("1"), second = ask("2"), third = ask("3");
  ASSERT_TRUE(third->answer);
  EXPECT_EQ(third->answer->error().code, Errc::overloaded);
  EXPECT_GT(third->answer->error().retry_after.count(), 0);
  EXPECT_EQ(load.get().queue, 2U);
  work();
  ASSERT_TRUE(first->answer);
  EXPECT_EQ((*first->answer)->duration, 3);
  EXPECT_FALSE(second->answer);
  work();
  EXPECT_TRUE(second->answer && *second->answer);
  EXPECT_EQ(load.get().queue + load.get().running, 0U);
  EXPECT_EQ(transcriber->heard, (std::vector<std::string>{"1", "2"}));
}

TEST_F(Hearing, who_gives_up_in_the_line_makes_room_at_once_and_is_not_heard) {
  const auto first = ask("1"), second = ask("2");
  give_up(*second);
  system.settle();
  EXPECT_EQ(load.get().queue, 1U);
  const auto third = ask("3");
  EXPECT_FALSE(third->answer);
  for (int i = 0; i < 3; ++i) work();
  EXPECT_EQ(transcriber->heard, (std::vector<std::string>{"1", "3"}));
  EXPECT_EQ(second->answer->error().code, Errc::cancelled);
}

TEST_F(Hearing, who_gives_up_while_being_heard_stops_the_work) {
  const auto asked = ask("1");
  transcriber->during = [&] { give_up(*asked); };
  work();
  EXPECT_TRUE(transcriber->heard.empty());
  EXPECT_EQ(asked->answer->error().code, Errc::cancelled);
  EXPECT_EQ(load.get().queue + load.get().running, 0U);
}

TEST_F(Hearing, a_fault_is_an_error_of_that_request) {
  const auto asked = ask("throw");
  work();
  EXPECT_EQ(asked->answer->error().code, Errc::internal);
  const auto next = ask("2");
  work();
  EXPECT_TRUE(*next->answer);
}

TEST_F(Hearing, a_full_worker_refuses) {
  worker.most = 0;
  const auto asked = ask("1");
  EXPECT_EQ(asked->answer->error().code, Errc::overloaded);
  worker.most = 10;
  const auto next = ask("2");
  work();
  EXPECT_TRUE(*next->answer);
}

TEST_F(Hearing, other_work_is_refused) {
  Promise<messages::Tokens> promise;
  std::optional<Expected<messages::Tokens>> answer;
  promise = {[&](Expected<messages::Tokens> t) { answer = std::move(t); }, Error{}};
  service.send(TokenizeCall{{}, promise});
  promise = {};
  system.settle();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error().code, Errc::invalid_argument);
}

TEST(hosted_transcriber, says_what_it_is) {
  const auto hosted = hosted_transcriber(std::make_shared<ScriptedTranscriber>());
  EXPECT_EQ(hosted.entry.kind, messages::ModelKind::transcription);
  EXPECT_EQ(hosted.entry.generation.value, 7U);
  EXPECT_EQ(hosted.entry.input_modalities, std::vector<std::string>{"audio"});
}

}  // namespace
}  // namespace zenith::services
