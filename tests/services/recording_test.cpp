// A recorded stack with a toy model: what is in the file, and what happens when the file cannot grow.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "waiting_client.hpp"
#include "zenith/services/recording/recording_port.hpp"
#include "zenith/services/stack.hpp"

namespace zenith::services {
namespace {

using nlohmann::json;
using std::filesystem::path;

struct RecordingTest : testing::Test {
  std::unique_ptr<Effects> effects = system_effects();
  MemoryLedger ledger{1u << 30};
  Metrics metrics;
  std::unique_ptr<Stack> stack = start();
  path file = path{testing::TempDir()} / fmt::format("recording-{}-{}.jsonl", getpid(), effects->random_seed());
  ~RecordingTest() override { std::filesystem::remove(file); }

  std::unique_ptr<Stack> start() {
    StackOptions options;
    options.config.services = {{.role = "text", .models = {"toy"}}};
    options.config.lanes.compute = 1;
    options.find = [](const std::string& name) -> Expected<path> { return name; };
    options.load = [](const ModelSpec&, MemoryLedger&) -> Expected<models::LoadedModel> { return toy::load(); };
    auto made = std::move(*Stack::start(std::move(options), *effects, ledger, metrics));
    EXPECT_TRUE(made->wait_loaded(60s));
    return made;
  }
  messages::Header header() { return {.id = effects->next_request_id(), .deadline = {effects->clock().now() + 60s}}; }
  messages::Generate request(std::string prompt, std::uint32_t max_tokens) {
    messages::Generate r;
    r.header = header();
    r.model = "toy";
    r.prompt = std::move(prompt);
    r.sampling.temperature = 0;
    r.max_tokens = max_tokens;
    return r;
  }
  /// @returns the text of choice 0.
  std::string run(gateway::Port& port, messages::Generate r) {
    const auto client = std::make_shared<WaitingClient>();
    port.generate(std::move(r), client);
    EXPECT_TRUE(client->wait_end());
    return client->got.text[0];
  }
  std::vector<json> lines() const {
    std::vector<json> out;
    std::ifstream in{file};
    for (std::string line; std::getline(in, line);) out.push_back(json::parse(line));
    return out;
  }
};

TEST_F(RecordingTest, a_request_its_seed_and_its_events_are_in_the_file) {
  auto recorder = Recorder::create(file, metrics).value();
  RecordingPort port{stack->port(), recorder, *effects};
  auto named = request("one", 5);
  named.sampling.seed = 0xffff'ffff'ffff'fff0;
  named.stop = {"zzz"};
  named.header.tenant = TenantId{7};
  const RequestId first = named.header.id;
  EXPECT_EQ(run(port, std::move(named)), toy::expected_text("one", 5));
  run(port, request("two", 3));
  const auto reply = answer_of<messages::Tokens>([&](auto r) {
    messages::Tokenize t;
    t.header = header();
    t.model = "toy";
    t.content = "abc";
    port.tokenize(std::move(t), std::move(r));
  });
  recorder->close(10s);
  EXPECT_FALSE(recorder->active());

  const auto all = lines();
  ASSERT_GT(all.size(), 8u);
  EXPECT_EQ(all[0]["zenith_recording"], 1);
  std::vector<json> requests, events;
  for (const json& one : all) {
    if (one.contains("request")) requests.push_back(one);
    if (one.contains("event") && one["id"] == first.value) events.push_back(one);
  }
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0]["prompt"], "one");
  EXPECT_EQ(requests[0]["sampling"]["seed"], 0xffff'ffff'ffff'fff0u);
  EXPECT_EQ(requests[0]["stop"], json::array({"zzz"}));
  EXPECT_EQ(requests[0]["tenant"], 7);
  EXPECT_TRUE(requests[1]["sampling"]["seed"].is_number_unsigned()) << "it had none: the recorder gave it one";
  EXPECT_EQ(requests[2]["request"], "tokenize");
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(requests[i]["order"], i + 1);
  EXPECT_EQ(events.front()["event"], "started");
  EXPECT_EQ(events.back()["event"], "finished");
  EXPECT_EQ(events.back()["usage"]["completion_tokens"], 5);
  std::string text;
  for (const json& one : events) text += one.value("content", "");
  EXPECT_EQ(text, toy::expected_text("one", 5));
  EXPECT_EQ(all.back()["event"], reply ? "reply" : "error");

  struct stat about{};
  ASSERT_EQ(stat(file.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  EXPECT_NE(metrics.expose().find("zenith_recording_active 0"), std::string::npos);
}

TEST_F(RecordingTest, a_refused_request_and_a_cancel_are_recorded_too) {
  auto recorder = Recorder::create(file, metrics).value();
  RecordingPort port{stack->port(), recorder, *effects};
  auto unknown = request("x", 5);
  unknown.model = "nobody";
  run(port, std::move(unknown));
  port.cancel(RequestId{99});
  recorder->close(10s);
  const auto all = lines();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[2]["event"], "error");
  EXPECT_EQ(all[2]["code"], "not_found");
  EXPECT_EQ(all[3]["event"], "cancel");
  EXPECT_EQ(all[3]["id"], 99);
}

TEST_F(RecordingTest, a_full_disk_ends_the_recording_and_nothing_else) {
  auto recorder = Recorder::create("/dev/full", metrics).value();
  RecordingPort port{stack->port(), recorder, *effects};
  for (int i = 0; i < 20; ++i) EXPECT_EQ(run(port, request("one", 20)), toy::expected_text("one", 20));
  recorder->close(10s);
  EXPECT_FALSE(recorder->active());
  const auto text = metrics.expose();
  EXPECT_NE(text.find("zenith_recording_failures_total 1"), std::string::npos) << text;
  EXPECT_NE(text.find("zenith_recording_active 0"), std::string::npos);
}

TEST_F(RecordingTest, a_disk_that_does_not_keep_up_ends_the_recording_and_holds_nobody_up) {
  auto recorder = Recorder::create(file, metrics, {.lines = 100, .bytes = 300}).value();
  RecordingPort port{stack->port(), recorder, *effects};
  EXPECT_EQ(run(port, request("one", 5)), toy::expected_text("one", 5)) << "its line alone is over the bound";
  EXPECT_FALSE(recorder->active());
  recorder->close(10s);
  EXPECT_LE(lines().size(), 1u);
}

TEST_F(RecordingTest, lines_that_wait_are_written_before_the_end) {
  auto recorder = Recorder::create(file, metrics).value();
  for (int i = 0; i < 1000; ++i) recorder->add(1, [i] { return std::to_string(i); });
  recorder->close(10s);
  recorder->add(1, [] { return std::string{"late"}; });
  recorder->close(10s);
  const auto all = lines();
  ASSERT_EQ(all.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], i);
}

TEST_F(RecordingTest, a_file_that_cannot_be_made_is_refused_by_name) {
  std::ofstream{file} << "precious";
  const auto again = Recorder::create(file, metrics);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::invalid_argument);
  EXPECT_NE(again.error().message.find(file.string() + " has content already"), std::string::npos);
  const auto nowhere = Recorder::create("/nowhere/x.jsonl", metrics);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().param, "record");
  EXPECT_NE(nowhere.error().message.find("No such file or directory"), std::string::npos);
  // Nobody reads this pipe: opening it must not wait.
  const path pipe = file.string() + ".pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_FALSE(Recorder::create(pipe, metrics));
  std::filesystem::remove(pipe);
}

}  // namespace
}  // namespace zenith::services
