// The default model with and without drafts: the same tokens, and log-probabilities equal in bits. Decoding a draft's
// rows at once uses the kernels of one row.
#include <bit>

#include "waiting_client.hpp"

namespace zenith::services {
namespace {

const std::string kFile =
    "def area(width, height):\n    return width * height\n\ndef volume(width, height, depth):\n    return width * "
    "height "
    "* depth\n\nprint(area(2, 3))\nprint(volume(2, 3, 4))\n\ndef surface(width, height, depth):\n    sides = width * "
    "height + height * depth + depth * width\n    return 2 * sides\n\n";
const std::string kText = kFile + kFile + "def area(width, height):\n    return width";

struct Said {
  std::string text;
  std::vector<messages::TokenLogprobs> logprobs;
  int deltas = 0;
  messages::Usage usage;
  double drafted = 0, accepted = 0;
};

double counter(Metrics& metrics, const std::string& kind) {
  const std::string all = metrics.expose(),
                    line = "\nzenith_draft_tokens_total{kind=\"" + kind + "\",model=\"smollm2-135m\"} ";
  const auto at = all.find(line);
  return at == std::string::npos ? -1 : std::stod(all.substr(at + line.size()));
}

std::vector<Said> say(std::uint32_t draft_tokens) {
  const auto effects = system_effects();
  MemoryLedger ledger{4ull << 30};
  Metrics metrics;
  StackOptions options;
  options.config.services = {
      {.role = "text", .id = "text", .models = {"smollm2-135m"}, .kv_bytes = 64u << 20, .draft_tokens = draft_tokens}};
  auto stack = Stack::start(std::move(options), *effects, ledger, metrics);
  if (!stack) throw std::runtime_error(stack.error().message);
  if (const auto loaded = (*stack)->wait_loaded(std::chrono::minutes(2)); !loaded)
    throw std::runtime_error(loaded.error().message);
  std::vector<Said> out;
  for (const float temperature : {0.0F, 0.7F}) {
    messages::Generate r;
    r.header.id = effects->next_request_id();
    r.header.deadline = {effects->clock().now() + 120s};
    r.model = "smollm2-135m";
    r.prompt = kText;
    r.sampling.temperature = temperature;
    r.sampling.seed = 7;
    r.sampling.frequency_penalty = temperature > 0 ? 0.1F : 0.0F;
    r.max_tokens = 64;
    r.logprobs = true;
    r.top_logprobs = 3;
    auto client = std::make_shared<WaitingClient>();
    const auto id = r.header.id;
    (*stack)->port().generate(std::move(r), client);
    (*stack)->port().grant(id, 256);
    EXPECT_TRUE(client->wait_end());
    const auto& got = client->got;
    if (!got.finished) throw std::runtime_error(got.error ? got.error->message : "it never ended");
    out.push_back({got.text.at(0), got.logprobs, got.deltas, got.finished->usage, 0, 0});
    out.back().drafted = counter(metrics, "drafted");
    out.back().accepted = counter(metrics, "accepted");
  }
  return out;
}

void expect_same(const messages::LogprobEntry& a, const messages::LogprobEntry& b) {
  EXPECT_EQ(a.token, b.token);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(a.logprob), std::bit_cast<std::uint32_t>(b.logprob)) << a.token;
}

TEST(RealSpeculation, quotes_code_with_the_same_tokens_and_log_probabilities_in_bits) {
  const auto plain = say(0), ahead = say(15);
  EXPECT_EQ(plain.back().drafted, 0);
  EXPECT_GT(ahead.front().accepted, 20) << "the model quotes, so most tokens can be guessed";
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_EQ(ahead[i].text, plain[i].text);
    EXPECT_EQ(ahead[i].deltas, plain[i].deltas);
    EXPECT_EQ(ahead[i].usage.completion_tokens, plain[i].usage.completion_tokens);
    ASSERT_EQ(ahead[i].logprobs.size(), plain[i].logprobs.size());
    for (std::size_t t = 0; t < plain[i].logprobs.size(); ++t) {
      expect_same(ahead[i].logprobs[t].picked, plain[i].logprobs[t].picked);
      ASSERT_EQ(ahead[i].logprobs[t].top.size(), 3u);
      for (std::size_t k = 0; k < 3; ++k) expect_same(ahead[i].logprobs[t].top[k], plain[i].logprobs[t].top[k]);
    }
  }
}

}  // namespace
}  // namespace zenith::services
