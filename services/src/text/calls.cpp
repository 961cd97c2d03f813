#include "calls.hpp"

#include <exception>

#include "held.hpp"
#include "zenith/services/stopwatch.hpp"
#include "zenith/services/text/preparation.hpp"

namespace zenith::services {
namespace {

using namespace actors;

Error measures_nothing() { return {Errc::invalid_argument, "this is a model and no sensor", "sensor_id", {}}; }

// On the worker; skipped when nobody waits any more.
template <class Request, class Answer, class Do>
void hand_over(Call<Request, Answer>& call, const TextSetup& setup, Do compute) {
  const auto held = std::make_shared<Held<Request>>(std::move(call.request));
  call.answer.on_given_up([held] { held->take(); });
  auto queued = setup.worker->submit([engine = setup.engine, held, answer = call.answer, compute,
                                      watch = Stopwatch{setup.effects->clock()}]() mutable {
    const auto request = held->take();
    if (!request || answer.kept()) return;
    watch.begin();
    try {
      Expected<Answer> result = compute(engine->loaded, *request);
      if (result) result->spent = watch.end();
      answer.keep(std::move(result));
    } catch (const std::exception& e) {
      answer.break_with(Error{Errc::internal, e.what(), {}, {}});
    }
  });
  if (!queued) call.answer.break_with(std::move(queued.error()));
}

}  // namespace

bool handle_text_call(ServiceMessage& message, const TextSetup& setup) {
  if (auto* ping = std::get_if<Ping>(&message)) {
    ping->answer.keep(Pong{});
  } else if (auto* picture = std::get_if<ReadImageCall>(&message)) {
    picture->answer.break_with(Error{Errc::invalid_argument, "this model reads no pictures", "model", {}});
  } else if (auto* tokenize_call = std::get_if<TokenizeCall>(&message)) {
    hand_over(*tokenize_call, setup, [](const auto& loaded, const auto& r) { return tokenize(loaded, r); });
  } else if (auto* detokenize_call = std::get_if<DetokenizeCall>(&message)) {
    hand_over(*detokenize_call, setup, [](const auto& loaded, const auto& r) { return detokenize(loaded, r); });
  } else if (auto* template_call = std::get_if<TemplateCall>(&message)) {
    const std::int64_t now = setup.effects->clock().unix_seconds();
    hand_over(*template_call, setup,
              [now](const auto& loaded, const auto& r) { return apply_template(loaded, r, now); });
  } else if (auto* speak = std::get_if<SpeakWork>(&message)) {
    speak->session.send(
        FromService{Error{Errc::invalid_argument, "this model does not speak", "model", {}}, speak->attempt});
  } else if (auto* transcribe = std::get_if<TranscribeCall>(&message)) {
    transcribe->answer.break_with(Error{Errc::invalid_argument, "this model transcribes nothing", "model", {}});
  } else if (const auto* watch = std::get_if<WatchWork>(&message)) {
    watch->session.send(FromService{measures_nothing(), watch->attempt});
  } else if (auto* window = std::get_if<WindowCall>(&message)) {
    window->answer.break_with(measures_nothing());
  } else if (auto* set = std::get_if<SetSensorCall>(&message)) {
    set->answer.break_with(measures_nothing());
  } else {
    return false;
  }
  return true;
}

}  // namespace zenith::services
