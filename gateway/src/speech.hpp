// One spoken answer in the making: the request to the Port, its audio to the client as it comes, credit back.
#pragma once

#include <memory>

#include "api/speech_request.hpp"
#include "call.hpp"

namespace zenith::gateway {

/// The loop's thread only; events come through a sink that posts to it. An error before the first audio is an error
/// body; after it, an event of the stream, or for plain audio a connection that ends before the stream does.
class Speech : public std::enable_shared_from_this<Speech> {
 public:
  static void start(const std::shared_ptr<Call>& call, SpeechRequest request);
  void on_event(messages::Event event);

 private:
  Speech(std::shared_ptr<Call> call, const SpeechRequest& request)
      : call_(std::move(call)), format_(request.format), stream_(request.stream) {}
  void on_audio(const messages::Audio& audio);
  void on_bytes(const messages::AudioBytes& audio);
  void begin(std::uint32_t sample_rate);
  void send(std::string bytes);
  void finish();
  void fail(const Error& error);
  void end(int status);

  std::shared_ptr<Call> call_;
  AudioFormat format_;
  AudioStream stream_;
  bool streaming_ = false, over_ = false;
};

}  // namespace zenith::gateway
