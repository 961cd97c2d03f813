// The form of a transcription as a request, and transcripts as answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/transcription_request.hpp"

namespace zenith::gateway {
namespace {

using testing::HasSubstr;

using Fields = std::vector<std::pair<std::string, std::string>>;

Expected<TranscriptionRequest> read(const Fields& fields) {
  std::string body;
  std::vector<FormPart> parts;
  for (const auto& [name, content] : fields) {
    parts.push_back(
        {name, name == "file" ? std::optional<std::string>{"a.wav"} : std::nullopt, body.size(), content.size()});
    body += content;
  }
  return read_transcription_request(parts, body);
}

TEST(transcription_request, every_field_is_taken) {
  const auto request = read({{"model", "whisper-1"},
                             {"file", "RIFF"},
                             {"language", "de"},
                             {"prompt", "Grüße"},
                             {"temperature", "0.25"},
                             {"response_format", "verbose_json"},
                             {"timestamp_granularities[]", "segment"},
                             {"stream", "false"}});
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->transcribe.model, "whisper-1");
  EXPECT_EQ(request->transcribe.language, "de");
  EXPECT_EQ(request->transcribe.prompt, "Grüße");
  EXPECT_EQ(request->transcribe.temperature, 0.25F);
  EXPECT_EQ(request->format, TranscriptFormat::verbose_json);
  EXPECT_EQ(request->offset, 9U);
  EXPECT_EQ(request->size, 4U);
}

struct BadField {
  const char* name;
  Fields fields;
  const char* param;
  Errc code = Errc::invalid_argument;
};
class BadFields : public testing::TestWithParam<BadField> {};
TEST_P(BadFields, are_refused_by_name) {
  const auto request = read(GetParam().fields);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().param, GetParam().param);
  EXPECT_EQ(request.error().code, GetParam().code);
  EXPECT_THAT(request.error().message, HasSubstr(GetParam().param));
}
INSTANTIATE_TEST_SUITE_P(
    gateway, BadFields,
    testing::Values(
        BadField{"no_file", {{"model", "m"}}, "file"}, BadField{"empty_file", {{"file", ""}}, "file"},
        BadField{"two_files", {{"file", "a"}, {"file", "b"}}, "file"},
        BadField{"unknown", {{"file", "a"}, {"colour", "red"}}, "colour"},
        BadField{"format", {{"file", "a"}, {"response_format", "xml"}}, "response_format"},
        BadField{
            "speakers", {{"file", "a"}, {"response_format", "diarized_json"}}, "response_format", Errc::unsupported},
        BadField{"hot", {{"file", "a"}, {"temperature", "1.5"}}, "temperature"},
        BadField{"no_number", {{"file", "a"}, {"temperature", "warm"}}, "temperature"},
        BadField{"not_a_number", {{"file", "a"}, {"temperature", "nan"}}, "temperature"},
        BadField{"words",
                 {{"file", "a"}, {"response_format", "verbose_json"}, {"timestamp_granularities[]", "word"}},
                 "timestamp_granularities[]",
                 Errc::unsupported},
        BadField{"granularity_of_json",
                 {{"file", "a"}, {"timestamp_granularities[]", "segment"}},
                 "timestamp_granularities[]"},
        BadField{"stream", {{"file", "a"}, {"stream", "true"}}, "stream", Errc::unsupported},
        BadField{"chunking", {{"file", "a"}, {"chunking_strategy", "auto"}}, "chunking_strategy", Errc::unsupported},
        BadField{"long_model", {{"file", "a"}, {"model", std::string(600, 'm')}}, "model"},
        BadField{"bad_text", {{"file", "a"}, {"prompt", "\xff"}}, "prompt"}),
    [](const auto& i) { return std::string{i.param.name}; });

messages::Transcript transcript() {
  return {"english",
          3661.5,
          {{0.25, 1.5, " Hello --> there.", {50'364, 7}, -0.25F, 0.125F, 1.5F, 0},
           {3600.5, 3661.25, " \"Bye\"\nnow.", {8}, -0.5F, 0.25F, 1.25F, 0.5F}}};
}

TEST(render_transcript, every_format) {
  EXPECT_EQ(render_transcript(transcript(), TranscriptFormat::text).body, "Hello --> there. \"Bye\"\nnow.\n");
  EXPECT_EQ(render_transcript(transcript(), TranscriptFormat::srt).body,
            "1\n00:00:00,250 --> 00:00:01,500\nHello -> there.\n\n2\n01:00:00,500 --> 01:01:01,250\n\"Bye\" now.\n\n");
  EXPECT_EQ(
      render_transcript(transcript(), TranscriptFormat::vtt).body,
      "WEBVTT\n\n00:00:00.250 --> 00:00:01.500\nHello -> there.\n\n01:00:00.500 --> 01:01:01.250\n\"Bye\" now.\n\n");
  EXPECT_EQ(render_transcript(transcript(), TranscriptFormat::json).body,
            R"({"text":"Hello --> there. \"Bye\"\nnow.","usage":{"type":"duration","seconds":3662}})");
  const auto verbose = render_transcript(transcript(), TranscriptFormat::verbose_json);
  EXPECT_EQ(verbose.content_type, "application/json");
  EXPECT_THAT(verbose.body, HasSubstr(R"("task":"transcribe","language":"english","duration":3661.5)"));
  EXPECT_THAT(verbose.body, HasSubstr(R"("id":1,"seek":360050,"start":3600.5,"end":3661.25)"));
  EXPECT_THAT(
      verbose.body,
      HasSubstr(
          R"("tokens":[50364,7],"temperature":0,"avg_logprob":-0.25,"compression_ratio":1.5,"no_speech_prob":0.125)"));
}

TEST(render_transcript, nothing_said_is_an_empty_text) {
  EXPECT_EQ(render_transcript({"", 2, {}}, TranscriptFormat::json).body,
            R"({"text":"","usage":{"type":"duration","seconds":2}})");
  EXPECT_EQ(render_transcript({"", 2, {}}, TranscriptFormat::vtt).body, "WEBVTT\n\n");
}

}  // namespace
}  // namespace zenith::gateway
