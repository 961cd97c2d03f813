#include "zenith/services/vision/vision_service.hpp"

#include <exception>

#include "zenith/actors/protocol.hpp"
#include "zenith/services/heartbeat.hpp"
#include "zenith/services/vision/vision_core.hpp"

namespace zenith::services {
namespace {

using namespace actors;

/// From the worker: the picture is read, and its call answered.
struct PictureDone {};

void read_picture(ImageReader& reader, const ReadImageCall& call, Stopwatch watch) {
  const auto wanted = [&] {
    beat();
    return !call.answer.kept();
  };
  if (!wanted()) return;
  watch.begin();
  try {
    auto reading = reader.read(call.request.image, call.request.mode, wanted);
    if (reading) reading->spent = watch.end();
    call.answer.keep(std::move(reading));
  } catch (const std::exception& e) {
    call.answer.break_with({Errc::internal, std::string{"the picture could not be read: "} + e.what(), {}, {}});
  }
}

class VisionService final : public Actor<ServiceMessage, PictureDone> {
 public:
  VisionService(std::shared_ptr<ImageReader> reader, const HostedSetup& setup)
      : reader_(std::move(reader)), setup_(setup), core_(setup.queue) {}

  void on(ServiceMessage message, Context& self) override {
    std::visit([&](auto& m) { handle(m); }, message);
    pump(self);
  }

  void on(PictureDone, Context& self) override {
    core_.done();
    pump(self);
  }

 private:
  void handle(ReadImageCall& call) { core_.arrive({std::move(call), Stopwatch{setup_.effects->clock()}}); }
  void handle(const Ping& ping) { ping.answer.keep(Pong{}); }
  void handle(const CancelWork&) {}
  void handle(const GrantWork&) {}
  template <class Request, class Answer>
  void handle(Call<Request, Answer>& call) {
    call.answer.break_with(only_pictures());
  }
  void handle(const Submit& work) { refuse(work); }
  void handle(const SpeakWork& work) { refuse(work); }
  void handle(const WatchWork& work) { refuse(work); }
  template <class Work>
  static void refuse(const Work& work) {
    work.session.send(FromService{only_pictures(), work.attempt});
  }

  static Error only_pictures() {
    return {Errc::invalid_argument, "this model reads pictures and does nothing else", "model", {}};
  }

  void pump(Context& self) {
    if (auto call = core_.next()) {
      auto shared = std::make_shared<ReadImageCall>(std::move(call->call));
      const auto taken = setup_.worker->submit(
          [reader = reader_, shared, watch = call->watch, done = self.ref<PictureDone>()]() mutable {
            read_picture(*reader, *shared, watch);
            shared.reset();  // the picture's memory goes before the next one comes
            done.send(PictureDone{});
          });
      if (!taken) {
        shared->answer.break_with(taken.error());
        self.ref<PictureDone>().send(PictureDone{});
      }
    }
    messages::Load load;
    load.running = core_.busy() ? 1 : 0;
    load.queue = static_cast<std::uint32_t>(core_.waiting());
    load.sequences = 1;
    if (setup_.load != nullptr) setup_.load->set(load);
  }

  std::shared_ptr<ImageReader> reader_;
  HostedSetup setup_;
  VisionCore core_;
};

}  // namespace

HostedService hosted_vision(std::shared_ptr<ImageReader> reader) {
  HostedService out;
  out.entry.kind = messages::ModelKind::vision;
  out.entry.input_modalities = {"image"};
  out.entry.output_modalities = {"text"};
  out.entry.architecture = reader->info().architecture;
  out.entry.generation = reader->info().generation;
  out.make = [reader = std::move(reader)](const HostedSetup& setup) {
    return std::make_unique<VisionService>(reader, setup);
  };
  return out;
}

}  // namespace zenith::services
