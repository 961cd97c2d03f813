// Every field of a chat and a completion request: what it sets, or the 400 that names it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/chat_request.hpp"
#include "api/completion_request.hpp"
#include "json/parse.hpp"

namespace zenith::gateway::test {
namespace {

using testing::HasSubstr;

std::string with(std::string_view member) {
  return R"({"messages":[{"role":"user","content":"hi"}])" +
         (member.empty() ? std::string{} : "," + std::string(member)) + "}";
}
Expected<Draft> chat(const std::string& json) {
  return parse_json(json).and_then([](const Value& v) { return read_chat_request(v, "fake"); });
}
Expected<Draft> completion(const std::string& json) {
  return parse_json(json).and_then([](const Value& v) { return read_completion_request(v, "fake"); });
}

struct Refusal {
  const char* name;
  std::string json;
  const char* param;
  const char* says;
  Errc code = Errc::invalid_argument;
};

class ChatRefuses : public testing::TestWithParam<Refusal> {};
TEST_P(ChatRefuses, naming_the_field) {
  const auto draft = chat(GetParam().json);
  ASSERT_FALSE(draft);
  EXPECT_EQ(draft.error().code, GetParam().code) << draft.error().message;
  EXPECT_EQ(draft.error().param, GetParam().param);
  EXPECT_THAT(draft.error().message, HasSubstr(GetParam().says));
  EXPECT_THAT(draft.error().message, HasSubstr(GetParam().param));
}

constexpr auto kNo = Errc::unsupported;

INSTANTIATE_TEST_SUITE_P(
    gateway, ChatRefuses,
    testing::Values(
        Refusal{"no_messages", "{}", "messages", "is missing"},
        Refusal{"empty_messages", R"({"messages":[]})", "messages", "is empty"},
        Refusal{"messages_no_list", R"({"messages":"hi"})", "messages", "must be a list, not a string"},
        Refusal{"message_no_object", R"({"messages":["hi"]})", "messages[0]", "must be an object"},
        Refusal{"role_missing", R"({"messages":[{"content":"hi"}]})", "messages[0].role", "is missing"},
        Refusal{"role_unknown", R"({"messages":[{"role":"robot","content":"hi"}]})", "messages[0].role", "\"robot\""},
        Refusal{"content_missing", R"({"messages":[{"role":"user"}]})", "messages[0].content", "is missing"},
        Refusal{"content_number", R"({"messages":[{"role":"user","content":1}]})", "messages[0].content",
                "not an integer"},
        Refusal{"second_message", R"({"messages":[{"role":"user","content":"a"},{"role":"x","content":"b"}]})",
                "messages[1].role", "must be"},
        Refusal{"audio_part",
                R"({"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"input_audio"}]}]})",
                "messages[0].content[1].input_audio", "data and format"},
        Refusal{"video_part",
                R"({"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"video_url"}]}]})",
                "messages[0].content[1].type", "not served yet", kNo},
        Refusal{"speech_without_how", R"({"modalities":["text","audio"],"messages":[{"role":"user","content":"a"}]})",
                "audio", "is missing"},
        Refusal{"speech_of_two",
                R"({"modalities":["text","audio"],"audio":{},"n":2,"messages":[{"role":"user","content":"a"}]})", "n",
                "must be 1"},
        Refusal{
            "speech_that_cannot_stream",
            R"({"modalities":["text","audio"],"audio":{"format":"mp3"},"stream":true,"messages":[{"role":"user","content":"a"}]})",
            "audio.format", "pcm16 in a stream"},
        Refusal{"speech_alone", R"({"modalities":["audio"],"audio":{},"messages":[{"role":"user","content":"a"}]})",
                "modalities", "transcript"},
        Refusal{"part_without_text", R"({"messages":[{"role":"user","content":[{"type":"text"}]}]})",
                "messages[0].content[0].text", "must be a string"},
        Refusal{"no_parts", R"({"messages":[{"role":"user","content":[]}]})", "messages[0].content", "has no parts"},
        Refusal{"message_unknown_field", R"({"messages":[{"role":"user","content":"a","colour":1}]})",
                "messages[0].colour", "not a field"},
        Refusal{"tool_calls", R"({"messages":[{"role":"assistant","tool_calls":[{"id":"1"}]}]})",
                "messages[0].tool_calls", "not served yet", kNo},
        Refusal{"unknown_field", with(R"("tempreature":1)"), "tempreature", "not a field that is known here"},
        Refusal{"temperature_high", with(R"("temperature":2.5)"), "temperature", "from 0 to 2, not 2.5"},
        Refusal{"temperature_negative", with(R"("temperature":-0.1)"), "temperature", "from 0 to 2"},
        Refusal{"temperature_string", with(R"("temperature":"1")"), "temperature",
                "must be a number from 0 to 2, not a string"},
        Refusal{"top_p_zero", with(R"("top_p":0)"), "top_p", "above 0 to 1"},
        Refusal{"top_p_high", with(R"("top_p":1.1)"), "top_p", "not 1.1"},
        Refusal{"min_p_one", with(R"("min_p":1)"), "min_p", "below 1"},
        Refusal{"top_k_negative", with(R"("top_k":-1)"), "top_k", "not -1"},
        Refusal{"top_k_float", with(R"("top_k":1.5)"), "top_k", "must be an integer"},
        Refusal{"presence", with(R"("presence_penalty":3)"), "presence_penalty", "from -2 to 2"},
        Refusal{"frequency", with(R"("frequency_penalty":-3)"), "frequency_penalty", "from -2 to 2"},
        Refusal{"repeat", with(R"("repeat_penalty":0)"), "repeat_penalty", "above 0"},
        Refusal{"seed", with(R"("seed":1.5)"), "seed", "must be an integer"},
        Refusal{"n_zero", with(R"("n":0)"), "n", "from 1 to 64"}, Refusal{"n_large", with(R"("n":65)"), "n", "not 65"},
        Refusal{"max_tokens_zero", with(R"("max_tokens":0)"), "max_tokens", "not 0"},
        Refusal{"max_completion_tokens_negative", with(R"("max_completion_tokens":-5)"), "max_completion_tokens",
                "not -5"},
        Refusal{"max_tokens_differ", with(R"("max_tokens":5,"max_completion_tokens":6)"), "max_tokens",
                "while max_completion_tokens is 6"},
        Refusal{"stop_number", with(R"("stop":1)"), "stop", "must be a string"},
        Refusal{"stop_empty", with(R"("stop":"")"), "stop", "1 to 256 bytes"},
        Refusal{"stop_item", with(R"("stop":["a",1])"), "stop[1]", "must be a string"},
        Refusal{"stop_many",
                with(R"("stop":["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17"])"), "stop",
                "not 17"},
        Refusal{"bias_key", with(R"("logit_bias":{"x":1})"), "logit_bias", "no token id"},
        Refusal{"bias_value", with(R"("logit_bias":{"1":101})"), "logit_bias", "-100 to 100"},
        Refusal{"bias_list", with(R"("logit_bias":[1])"), "logit_bias", "must be an object"},
        Refusal{"stream_string", with(R"("stream":"yes")"), "stream", "must be true or false"},
        Refusal{"stream_options_alone", with(R"("stream_options":{"include_usage":true})"), "stream_options",
                "needs \"stream\": true"},
        Refusal{"stream_options_field", with(R"("stream":true,"stream_options":{"x":1})"), "stream_options.x",
                "not a field"},
        Refusal{"top_logprobs_alone", with(R"("top_logprobs":2)"), "top_logprobs", "needs \"logprobs\": true"},
        Refusal{"top_logprobs_high", with(R"("logprobs":true,"top_logprobs":21)"), "top_logprobs", "from 0 to 20"},
        Refusal{"logprobs_number", with(R"("logprobs":3)"), "logprobs", "must be true or false"},
        Refusal{"effort", with(R"("reasoning_effort":"extreme")"), "reasoning_effort", "\"extreme\""},
        Refusal{"kwargs", with(R"("chat_template_kwargs":[])"), "chat_template_kwargs", "must be an object"},
        Refusal{"tools", with(R"("tools":[])"), "tools", "not served yet", kNo},
        Refusal{"tool_choice", with(R"("tool_choice":"auto")"), "tool_choice", "not served yet", kNo},
        Refusal{"parallel_tool_calls", with(R"("parallel_tool_calls":true)"), "parallel_tool_calls", "not served yet",
                kNo},
        Refusal{"response_format_json", with(R"("response_format":{"type":"json_object"})"), "response_format",
                "\"json_object\" is not served yet", kNo},
        Refusal{"response_format_schema", with(R"("response_format":{"type":"json_schema","json_schema":{}})"),
                "response_format", "not served yet", kNo},
        Refusal{"response_format_no_type", with(R"("response_format":{})"), "response_format.type", "must be a string"},
        Refusal{"grammar", with(R"("grammar":"root ::= \"a\"")"), "grammar", "not served yet", kNo},
        Refusal{"model_empty", with(R"("model":"")"), "model", "1 to 512 bytes"},
        Refusal{"model_number", with(R"("model":1)"), "model", "must be a string"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(chat_request, every_field_arrives) {
  const auto d = chat(R"({"model":"m","messages":[{"role":"system","content":"s"},{"role":"developer","content":"d"},
    {"role":"user","name":"u","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
    {"role":"assistant","content":"c","reasoning_content":"r","refusal":null,"tool_calls":null,"annotations":[]},{"role":"tool","tool_call_id":"1","content":"t"}],
    "max_completion_tokens":7,"temperature":0.5,"top_p":0.9,"top_k":40,"min_p":0.05,"n":2,"seed":-1,"stop":["x","yz"],"stream":true,
    "stream_options":{"include_usage":true},"presence_penalty":1,"frequency_penalty":-1,"repeat_penalty":1.1,"logit_bias":{"5":-100,"6":2.5},
    "logprobs":true,"top_logprobs":3,"response_format":{"type":"text"},"ignore_eos":true,"cache_prompt":true,
    "chat_template_kwargs":{"enable_thinking":false},"reasoning_effort":"low","grammar":null,"tools":null})");
  ASSERT_TRUE(d) << d.error().message;
  const auto& g = d->generate;
  EXPECT_EQ(g.model, "m");
  EXPECT_EQ(g.max_tokens, 7u);
  EXPECT_FLOAT_EQ(g.sampling.temperature, 0.5F);
  EXPECT_FLOAT_EQ(g.sampling.top_p, 0.9F);
  EXPECT_EQ(g.sampling.top_k, 40);
  EXPECT_FLOAT_EQ(g.sampling.min_p, 0.05F);
  EXPECT_EQ(g.choices, 2u);
  EXPECT_EQ(g.sampling.seed, UINT64_MAX);
  EXPECT_THAT(g.stop, testing::ElementsAre("x", "yz"));
  EXPECT_TRUE(d->stream && d->include_usage);
  EXPECT_FLOAT_EQ(g.sampling.presence_penalty, 1);
  EXPECT_FLOAT_EQ(g.sampling.frequency_penalty, -1);
  EXPECT_FLOAT_EQ(g.sampling.repeat_penalty, 1.1F);
  EXPECT_THAT(g.sampling.logit_bias, testing::ElementsAre(testing::Pair(5, -100.0F), testing::Pair(6, 2.5F)));
  EXPECT_TRUE(g.logprobs && g.sampling.ignore_eos);
  EXPECT_EQ(g.top_logprobs, 3u);
  const auto& c = std::get<messages::Chat>(g.prompt);
  ASSERT_EQ(c.messages.size(), 5u);
  EXPECT_THAT(c.messages[2].text_parts, testing::ElementsAre("a", "b"));
  EXPECT_EQ(c.messages[2].name, "u");
  EXPECT_EQ(c.messages[3].reasoning_content, "r");
  EXPECT_EQ(c.messages[4].role, "tool");
  EXPECT_EQ(c.reasoning_effort, "low");
  EXPECT_EQ(c.template_kwargs, (Value::Object{{"enable_thinking", Value{false}}}));
}

TEST(chat_request, what_stock_clients_send_is_ignored) {
  EXPECT_TRUE(chat(with(
      R"("user":"u","metadata":{},"store":false,"service_tier":"auto","safety_identifier":"s","prompt_cache_key":"k",
    "prompt_cache_retention":"24h","verbosity":"low","prediction":{"type":"content","content":""})")));
}

TEST(chat_request, max_tokens_under_either_name) {
  EXPECT_EQ(chat(with(R"("max_tokens":5)"))->generate.max_tokens, 5u);
  EXPECT_EQ(chat(with(R"("max_tokens":5,"max_completion_tokens":5)"))->generate.max_tokens, 5u);
  EXPECT_EQ(chat(with(""))->generate.max_tokens, std::nullopt);
}

class CompletionRefuses : public testing::TestWithParam<Refusal> {};
TEST_P(CompletionRefuses, naming_the_field) {
  const auto draft = completion(GetParam().json);
  ASSERT_FALSE(draft);
  EXPECT_EQ(draft.error().code, GetParam().code) << draft.error().message;
  EXPECT_EQ(draft.error().param, GetParam().param);
  EXPECT_THAT(draft.error().message, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    gateway, CompletionRefuses,
    testing::Values(Refusal{"no_prompt", "{}", "prompt", "is missing"},
                    Refusal{"prompt_object", R"({"prompt":{}})", "prompt", "must be a string"},
                    Refusal{"prompt_empty_list", R"({"prompt":[]})", "prompt", "is empty"},
                    Refusal{"prompt_float", R"({"prompt":[1.5]})", "prompt[0]", "token id"},
                    Refusal{"prompt_mixed", R"({"prompt":["a",{}]})", "prompt[1]", "list of token ids"},
                    Refusal{"prompt_negative", R"({"prompt":[-1]})", "prompt[0]", "token id"},
                    Refusal{"many", R"({"prompt":["a","b"],"n":40})", "n", "not 80"},
                    Refusal{"logprobs_bool", R"({"prompt":"a","logprobs":true})", "logprobs", "must be an integer"},
                    Refusal{"messages", R"({"prompt":"a","messages":[]})", "messages", "not a field"},
                    Refusal{"best_of", R"({"prompt":"a","best_of":2})", "best_of", "not served yet", kNo},
                    Refusal{"suffix", R"({"prompt":"a","suffix":"b"})", "suffix", "not served yet", kNo}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(completion_request, each_kind_of_prompt) {
  EXPECT_EQ(std::get<std::string>(completion(R"({"prompt":"a"})")->prompts.at(0)), "a");
  EXPECT_EQ(std::get<std::vector<TokenId>>(completion(R"({"prompt":[1,2]})")->prompts.at(0)),
            (std::vector<TokenId>{1, 2}));
  EXPECT_EQ(completion(R"({"prompt":["a","b"]})")->prompts.size(), 2u);
  EXPECT_EQ(completion(R"({"prompt":[[1],[2,3]]})")->prompts.size(), 2u);
  const auto d = completion(R"({"prompt":"a","logprobs":2,"echo":true})");
  EXPECT_TRUE(d->generate.logprobs && d->generate.echo);
  EXPECT_EQ(d->generate.top_logprobs, 2u);
}

}  // namespace
}  // namespace zenith::gateway::test
