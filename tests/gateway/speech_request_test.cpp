// The body of /v1/audio/speech: what it sets, or the error that names the field; and the head of a wav.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/speech_request.hpp"
#include "json/parse.hpp"

namespace zenith::gateway::test {
namespace {

using testing::HasSubstr;

Expected<SpeechRequest> speech(const std::string& json) { return parse_json(json).and_then(read_speech_request); }

TEST(speech, what_a_stock_client_sends_is_understood) {
  const auto request =
      speech(R"({"model":"tts-1","input":"Hello.","voice":"alloy","response_format":"pcm","speed":1.5})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->speak.model, "tts-1");
  EXPECT_EQ(request->speak.input, "Hello.");
  EXPECT_EQ(request->speak.voice, "") << "a stock voice means the model's own";
  EXPECT_EQ(request->format, AudioFormat::pcm);
  EXPECT_EQ(request->stream, AudioStream::audio);
  EXPECT_FLOAT_EQ(request->speak.speed, 1.5F);
}

TEST(speech, the_shortest_body_is_an_mp3_of_the_models_own_voice) {
  const auto request = speech(R"({"input":"Hi","voice":"joe","stream_format":"sse"})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->format, AudioFormat::mp3);
  EXPECT_EQ(request->speak.format, messages::AudioFormat::mp3);
  EXPECT_EQ(request->speak.voice, "joe");
  EXPECT_EQ(request->stream, AudioStream::sse);
}

struct Refusal {
  const char* name;
  const char* json;
  const char* param;
  const char* says;
  Errc code = Errc::invalid_argument;
};
class SpeechRefuses : public testing::TestWithParam<Refusal> {};
TEST_P(SpeechRefuses, naming_the_field) {
  const auto request = speech(GetParam().json);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().code, GetParam().code);
  EXPECT_EQ(request.error().param, GetParam().param);
  EXPECT_THAT(request.error().message, HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(
    gateway, SpeechRefuses,
    testing::Values(Refusal{"no_input", "{}", "input", "is missing"},
                    Refusal{"empty_input", R"({"input":""})", "input", "is empty"},
                    Refusal{"input_number", R"({"input":1})", "input", "must be a string"},
                    Refusal{"ogg", R"({"input":"a","response_format":"ogg"})", "response_format", "flac, wav or pcm"},
                    Refusal{"too_slow", R"({"input":"a","speed":0.2})", "speed", "0.25 to 4"},
                    Refusal{"too_fast", R"({"input":"a","speed":5})", "speed", "0.25 to 4"},
                    Refusal{"speed_text", R"({"input":"a","speed":"1"})", "speed", "must be a number"},
                    Refusal{"stream_format", R"({"input":"a","stream_format":"x"})", "stream_format", "audio or sse"},
                    Refusal{"instructions", R"({"input":"a","instructions":"sing"})", "instructions", "takes none",
                            Errc::unsupported},
                    Refusal{"unknown_field", R"({"input":"a","pitch":1})", "pitch", "not a field"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(speech, every_format_has_its_maker_and_its_content_type) {
  const auto of = [](const std::string& name) {
    const auto request = speech(R"({"input":"a","response_format":")" + name + "\"}");
    return std::pair{request->speak.format, content_type(request->format, 22'050)};
  };
  using messages::AudioFormat;
  EXPECT_EQ(of("mp3"), (std::pair{AudioFormat::mp3, std::string{"audio/mpeg"}}));
  EXPECT_EQ(of("opus"), (std::pair{AudioFormat::opus, std::string{"audio/ogg;codecs=opus"}}));
  EXPECT_EQ(of("aac"), (std::pair{AudioFormat::aac, std::string{"audio/aac"}}));
  EXPECT_EQ(of("flac"), (std::pair{AudioFormat::flac, std::string{"audio/flac"}}));
  EXPECT_EQ(of("wav"), (std::pair{AudioFormat::samples, std::string{"audio/wav"}}));
  EXPECT_EQ(of("pcm"), (std::pair{AudioFormat::samples, std::string{"audio/pcm;rate=22050"}}));
}

TEST(speech, a_wav_begins_with_the_44_bytes_of_a_stream_of_unknown_length) {
  const std::string head = wav_head(22'050);
  ASSERT_EQ(head.size(), 44U);
  EXPECT_EQ(head.substr(0, 4), "RIFF");
  EXPECT_EQ(head.substr(8, 8), "WAVEfmt ");
  EXPECT_EQ(head.substr(4, 4), "\xff\xff\xff\xff");
  EXPECT_EQ(head.substr(20, 4), std::string("\x01\x00\x01\x00", 4)) << "PCM, one channel";
  EXPECT_EQ(head.substr(24, 4), std::string("\x22\x56\x00\x00", 4)) << "22050 Hz";
  EXPECT_EQ(head.substr(28, 4), std::string("\x44\xac\x00\x00", 4)) << "44100 bytes a second";
  EXPECT_EQ(head.substr(36, 4), "data");
  EXPECT_EQ(sample_bytes({1, -2}), std::string("\x01\x00\xfe\xff", 4));
  EXPECT_EQ(content_type(AudioFormat::pcm, 22'050), "audio/pcm;rate=22050");
}

}  // namespace
}  // namespace zenith::gateway::test
