#include <exception>

#include "calls.hpp"
#include "held.hpp"
#include "zenith/models/engine/embed.hpp"
#include "zenith/services/text/embed_core.hpp"
#include "zenith/services/text/preparation.hpp"
#include "zenith/services/text/text_service.hpp"

namespace zenith::services {
namespace {

using namespace actors;

struct EmbedPrepared {
  std::shared_ptr<EmbedJob> job;  ///< null: it was refused
};
struct PassDone {
  EmbedReport report;
};

EmbedReport run_pass(const TextEngine& engine, std::vector<EmbedItem> items, kernels::Exec& ex) noexcept {
  EmbedReport report;
  report.items = std::move(items);
  try {
    std::vector<std::vector<TokenId>> inputs;
    for (const EmbedItem& item : report.items) inputs.push_back(item.job->inputs[item.input]);
    auto vectors = models::embed(*engine.loaded.model, ex, *engine.ledger, inputs);
    if (vectors) {
      report.vectors = std::move(*vectors);
    } else {
      report.error = std::move(vectors.error());
    }
  } catch (const std::exception& e) {
    report.error = Error{Errc::internal, std::string{"the pass failed: "} + e.what(), {}, {}};
  }
  return report;
}

std::shared_ptr<EmbedJob> prepared(const TextEngine& engine, const messages::Embed& request,
                                   const Promise<messages::Embeddings>& answer, const Stopwatch& watch) noexcept {
  if (answer.kept()) return nullptr;
  try {
    auto inputs = prepare_embed(engine.loaded, request, engine.limits.context);
    if (inputs) {
      auto job = std::make_shared<EmbedJob>();
      job->header = request.header;
      job->answer = answer;
      job->inputs = std::move(*inputs);
      job->watch = watch;
      return job;
    }
    answer.break_with(std::move(inputs.error()));
  } catch (const std::exception& e) {
    answer.break_with(Error{Errc::internal, e.what(), {}, {}});
  }
  return nullptr;
}

class EmbedService final : public Actor<ServiceMessage, EmbedPrepared, PassDone> {
 public:
  explicit EmbedService(TextSetup setup)
      : setup_(std::move(setup)),
        core_(setup_.engine->limits.step_rows),
        tokens_(setup_.metrics->counter("zenith_tokens_total", "Tokens computed",
                                        {{"model", setup_.engine->name}, {"kind", "prompt"}})),
        queue_depth_(setup_.metrics->gauge("zenith_queue_depth", "Requests of which nothing runs yet",
                                           {{"model", setup_.engine->name}})) {}

  void on(ServiceMessage message, Context& self) override {
    if (auto* call = std::get_if<EmbedCall>(&message)) {
      on_embed(std::move(*call), self);
    } else if (auto* submit = std::get_if<Submit>(&message)) {
      submit->session.send(
          FromService{Error{Errc::invalid_argument, "this model generates no text", "model", {}}, submit->attempt});
    } else {
      handle_text_call(message, setup_);
    }
  }

  void on(EmbedPrepared prepared, Context& self) override {
    --preparing_;
    if (prepared.job) core_.push(std::move(*prepared.job));
    pump(self);
  }

  void on(PassDone done, Context& self) override {
    if (!done.report.error) {
      for (const EmbedItem& item : done.report.items)
        tokens_.add(static_cast<double>(item.job->inputs[item.input].size()));
    }
    running_ = 0;
    core_.pass_done(std::move(done.report));
    pump(self);
  }

 private:
  void on_embed(EmbedCall call, Context& self) {
    if (preparing_ + core_.waiting() >= setup_.engine->limits.queue) {
      call.answer.break_with(
          Error{Errc::overloaded, "too many inputs wait for this model: retry later", {}, std::chrono::seconds(1)});
      return;
    }
    ++preparing_;
    const auto held = std::make_shared<Held<messages::Embed>>(std::move(call.request));
    const auto me = self.ref<EmbedPrepared>();
    call.answer.on_given_up([held, me] {
      if (held->take()) me.send({nullptr});
    });
    auto queued = setup_.worker->submit(
        [engine = setup_.engine, held, answer = call.answer, me, watch = Stopwatch{setup_.effects->clock()}] {
          const auto request = held->take();
          if (request) me.send({prepared(*engine, *request, answer, watch)});
        });
    if (queued || !held->take()) return;
    --preparing_;
    call.answer.break_with(std::move(queued.error()));
  }

  void pump(Context& self) {
    auto items = core_.next_pass(self.now());
    running_ += items.size();
    queue_depth_.set(static_cast<double>(preparing_ + core_.waiting()));
    if (setup_.load != nullptr) setup_.load->set(load());
    if (items.empty()) return;
    setup_.lane->submit(LanePriority::prefill,
                        [engine = setup_.engine, me = self.ref<PassDone>(),
                         items = std::make_shared<std::vector<EmbedItem>>(std::move(items))](kernels::Exec& ex) {
                          ex.numerics = engine->numerics;
                          me.send(PassDone{run_pass(*engine, std::move(*items), ex)});
                        });
  }

  /// Of inputs, where a text service counts requests; a call that is being prepared is one.
  messages::Load load() const {
    messages::Load load;
    load.queue = static_cast<std::uint32_t>(preparing_ + core_.waiting());
    load.running = static_cast<std::uint32_t>(running_);
    return load;
  }

  TextSetup setup_;
  EmbedCore core_;
  std::size_t preparing_ = 0, running_ = 0;
  Counter& tokens_;
  Gauge& queue_depth_;
};

}  // namespace

std::unique_ptr<Behaviour> make_embed_service(TextSetup setup) {
  return std::make_unique<EmbedService>(std::move(setup));
}

}  // namespace zenith::services
