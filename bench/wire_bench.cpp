// What the bytes of a message cost. A header's encode + decode + verify has to stay below 150 ns.
#include <benchmark/benchmark.h>

#include "zenith/links/codec.hpp"

namespace {

namespace wire = zenith::wire;
namespace links = zenith::links;
using zenith::Buffer;

void header(benchmark::State& state) {
  wire::Header h;
  h.kind = wire::Kind::event;
  h.epoch = 5;
  std::array<std::byte, wire::kHeaderBytes> bytes;
  for (auto _ : state) {
    ++h.sequence;
    wire::encode(h, bytes);
    benchmark::ClobberMemory();
    auto back = wire::decode(bytes);
    benchmark::DoNotOptimize(back);
  }
}
BENCHMARK(header);

// A body of 200 bytes and a tensor of so many bytes.
void frames(benchmark::State& state) {
  wire::Message message;
  message.header.epoch = 5;
  message.header.flags = state.range(1) != 0 ? wire::kPayloadHash : 0;
  message.body = Buffer::of(std::vector<std::byte>(200));
  const auto bytes = static_cast<std::size_t>(state.range(0));
  if (bytes > 0)
    message.tensors = {
        {zenith::DType::i8, 1, {static_cast<std::uint32_t>(bytes)}, Buffer::of(std::vector<std::byte>(bytes))}};
  for (auto _ : state) {
    auto sent = wire::to_frames(message);
    auto back = wire::from_frames(*sent);
    benchmark::DoNotOptimize(back);
  }
}
BENCHMARK(frames)->ArgNames({"bytes", "hash"})->ArgsProduct({{0, 4096, 65536, 1 << 20}, {0, 1}});

// One event of a stream, as it travels for every few tokens of every client.
void delta(benchmark::State& state) {
  const zenith::messages::Event event = zenith::messages::Delta{0, " and then", "", {}, {311, 512}};
  for (auto _ : state) {
    const auto message = links::event_to_wire(zenith::RequestId{7}, event);
    auto back = links::event_from_wire(message);
    benchmark::DoNotOptimize(back);
  }
}
BENCHMARK(delta);

}  // namespace

BENCHMARK_MAIN();
