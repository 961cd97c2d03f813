// Kernels over one table of cases: GMAC/s and GB/s of weights for Linear, GB/s for the rest.
//   build/release/bin/kernels_bench --benchmark_filter=linear/Q4_1
// Arguments of a Linear: rows, outputs, inputs, threads. All integer dots of the machine are measured for `fast`.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "zenith/kernels/attention.hpp"
#include "zenith/kernels/dequantize.hpp"
#include "zenith/kernels/dispatch.hpp"
#include "zenith/kernels/elementwise.hpp"
#include "zenith/kernels/linear.hpp"
#include "zenith/kernels/norm.hpp"
#include "zenith/kernels/rope.hpp"
#include "zenith/kernels/thread_pool.hpp"

namespace {

using namespace zenith;
using namespace zenith::kernels;

struct Machine {
  Machine(int threads, Numerics numerics) : pool(threads) {
    ex.pool = &pool;
    ex.workspace = &workspace;
    ex.numerics = numerics;
  }
  ThreadPool pool;
  Workspace workspace;
  Exec ex;
};

std::vector<float> normal(std::size_t n) {
  std::mt19937 engine{3};
  std::normal_distribution<float> distribution;
  std::vector<float> out(n);
  for (float& v : out) v = distribution(engine);
  return out;
}

/// Bytes whose two-byte words are all small finite halves: fit as weights of every type.
std::vector<std::byte> weights(DType type, std::size_t count) {
  std::vector<std::byte> out(row_bytes(type, count), std::byte{0x1C});
  return out;
}

struct LinearCase {
  DType type;
  Numerics numerics;
  std::size_t rows, n_out, n_in;
  int threads;
};

void linear(benchmark::State& state, const LinearCase& c, IntDot dot) {
  if (!restrict_int_dot(dot)) return state.SkipWithError("no such kernel here");
  Machine machine{c.threads, c.numerics};
  const auto w = weights(c.type, c.n_out * c.n_in);
  const auto x = normal(c.rows * c.n_in);
  const auto layer = Linear::make(c.type, w, c.n_out, c.n_in);
  if (!layer) return state.SkipWithError(layer.error().message.c_str());
  std::vector<float> y(c.rows * c.n_out);
  for (auto _ : state) {
    Workspace::Scope scope{machine.workspace};
    const Activations a{machine.ex, {x.data(), c.rows, c.n_in}};
    layer->apply(machine.ex, a, {y.data(), c.rows, c.n_out});
    benchmark::DoNotOptimize(y.data());
  }
  const double macs = static_cast<double>(c.rows * c.n_out * c.n_in);
  state.counters["MAC/s"] =
      benchmark::Counter(macs * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  state.counters["weight_B/s"] = benchmark::Counter(
      static_cast<double>(w.size()) * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void register_linears() {
  constexpr DType kTypes[] = {DType::q4_1, DType::q8_0, DType::q4_0, DType::q5_0, DType::q5_1, DType::q4_k,
                              DType::q5_k, DType::q6_k, DType::f32,  DType::f16,  DType::bf16};
  for (const DType type : kTypes) {
    for (const Numerics numerics : {Numerics::fast, Numerics::exact}) {
      const bool integer = numerics == Numerics::fast && dtype_info(type).elements > 1;
      for (const IntDot dot : supported_int_dots()) {
        if (!integer && dot != supported_int_dots().back()) continue;
        for (const int threads : {1, 2}) {
          for (const std::size_t rows : {1, 2, 4, 8, 64, 512}) {
            for (const auto& [n_out, n_in] : {std::pair<std::size_t, std::size_t>{1536, 768}, {768, 1536}}) {
              const LinearCase c{type, numerics, rows, n_out, n_in, threads};
              const std::string name = std::string{"linear/"} + std::string{dtype_info(type).name} +
                                       (integer                       ? "/" + std::string{to_string(dot)}
                                        : numerics == Numerics::exact ? "/exact"
                                                                      : "/f32") +
                                       "/" + std::to_string(rows) + "x" + std::to_string(n_out) + "x" +
                                       std::to_string(n_in) + "/t" + std::to_string(threads);
              benchmark::RegisterBenchmark(name.c_str(), [c, dot](benchmark::State& s) {
                linear(s, c, dot);
              })->UseRealTime();
            }
          }
        }
      }
    }
  }
}

/// One token of decode, or a prompt, of 9 heads over 3 KV heads of 64 with `context` tokens before it.
void attention_case(benchmark::State& state) {
  const auto rows = static_cast<std::size_t>(state.range(0)), context = static_cast<std::size_t>(state.range(1));
  constexpr std::size_t kHeads = 9, kKvHeads = 3, kDim = 64, kWidth = kKvHeads * kDim;
  Machine machine{static_cast<int>(state.range(2)), Numerics::fast};
  const std::size_t pages = (context + kPageTokens - 1) / kPageTokens, page = kPageTokens * kWidth * 2;
  std::vector<std::byte> pool(pages * page * 2, std::byte{0x1C});
  const KvLayer kv{pool.data(), pool.data() + page, 2 * page, DType::f16, kKvHeads, kDim};
  std::vector<std::uint32_t> table(pages);
  for (std::size_t i = 0; i < pages; ++i) table[i] = static_cast<std::uint32_t>(i);
  std::vector<KvRow> row;
  for (std::size_t t = context - rows; t < context; ++t)
    row.push_back({table, static_cast<std::uint32_t>(t), 0, static_cast<std::uint32_t>(t + 1)});
  const auto q = normal(rows * kHeads * kDim);
  std::vector<float> y(q.size());
  for (auto _ : state) {
    attention(machine.ex, kv, row, {kHeads, 0.125F, 0}, {q.data(), rows, kHeads * kDim},
              {y.data(), rows, kHeads * kDim});
    benchmark::DoNotOptimize(y.data());
  }
  state.counters["keys/s"] = benchmark::Counter(
      static_cast<double>(rows * context) * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(attention_case)
    ->ArgNames({"rows", "context", "threads"})
    ->ArgsProduct({{1, 64}, {256, 1024}, {1, 2}})
    ->UseRealTime();

enum class RowOp { rms_norm, layer_norm, silu_mul, gelu_tanh_mul, gelu_erf, rope };

void row_op(benchmark::State& state, RowOp op) {
  const auto rows = static_cast<std::size_t>(state.range(0)), cols = static_cast<std::size_t>(state.range(1));
  Machine machine{1, Numerics::fast};
  const auto a = normal(rows * cols), b = normal(rows * cols);
  std::vector<float> y = a;
  const View2<const float> va{a.data(), rows, cols}, vb{b.data(), rows, cols};
  const View2<float> vy{y.data(), rows, cols};
  const RopeTable table{64, 1e5, 1.0, {}, RopePairs::adjacent};
  std::vector<std::int32_t> positions(rows);
  for (std::size_t t = 0; t < rows; ++t) positions[t] = static_cast<std::int32_t>(t);
  for (auto _ : state) {
    switch (op) {
      case RowOp::rms_norm: rms_norm(machine.ex, va, vb[0], 1e-5F, vy); break;
      case RowOp::layer_norm: layer_norm(machine.ex, va, vb[0], vb[0], 1e-5F, vy); break;
      case RowOp::silu_mul: silu_mul(machine.ex, va, vb, vy); break;
      case RowOp::gelu_tanh_mul: gelu_tanh_mul(machine.ex, va, vb, vy); break;
      case RowOp::gelu_erf: gelu_erf(machine.ex, vy); break;
      case RowOp::rope: rope(machine.ex, vy, 64, positions, table); break;
    }
    benchmark::DoNotOptimize(y.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * rows * cols * sizeof(float)));
}
BENCHMARK_CAPTURE(row_op, rms_norm, RowOp::rms_norm)->Args({1, 576})->Args({64, 576});
BENCHMARK_CAPTURE(row_op, layer_norm, RowOp::layer_norm)->Args({1, 384})->Args({64, 384});
BENCHMARK_CAPTURE(row_op, silu_mul, RowOp::silu_mul)->Args({1, 1536})->Args({64, 1536});
BENCHMARK_CAPTURE(row_op, gelu_tanh_mul, RowOp::gelu_tanh_mul)->Args({1, 1536})->Args({64, 1536});
BENCHMARK_CAPTURE(row_op, gelu_erf, RowOp::gelu_erf)->Args({1, 1536})->Args({64, 1536});
BENCHMARK_CAPTURE(row_op, rope, RowOp::rope)->Args({1, 576})->Args({64, 576});

}  // namespace

int main(int argc, char** argv) {
  register_linears();
  benchmark::AddCustomContext("numerics", numerics_id());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
