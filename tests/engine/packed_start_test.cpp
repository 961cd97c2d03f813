// A model that starts from packed weights on disk gives the bits of one that packs; whatever is wrong with the file or
// its folder costs a start time, never an answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <functional>

#include "fixture.hpp"
#include "tiny_model.hpp"
#include "weights/packed_tensors.hpp"
#include "zenith/kernels/dequantize.hpp"
#include "zenith/models/engine/evaluate.hpp"

namespace zenith::models {
namespace {

namespace fs = std::filesystem;
using namespace test;
using testing::HasSubstr;

/// Every matrix as Q8_0.
GgufWriter quantised(const std::string& arch) {
  GgufWriter w = tiny_gguf(arch);
  for (GgufTensor& tensor : w.tensors) {
    if (tensor.extents.size() < 2 || tensor.extents[0] % 32 != 0) continue;
    std::vector<float> values(tensor.bytes.size() / sizeof(float));
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    Bytes out;
    for (std::size_t block = 0; block < values.size(); block += 32) {
      out.put<std::uint16_t>(0x1400);  // 2^-10
      for (std::size_t i = 0; i < 32; ++i)
        out.put(static_cast<std::int8_t>(std::clamp(std::lrint(values[block + i] * 1024), -127L, 127L)));
    }
    tensor.type = 8;
    tensor.bytes = out.data;
  }
  return w;
}

class PackedStart : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
    write(quantised("llama"));
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const GgufWriter& writer) {
    const auto bytes = writer.build();
    std::ofstream{file_, std::ios::binary}.write(reinterpret_cast<const char*>(bytes.data()),
                                                 static_cast<std::streamsize>(bytes.size()));
  }

  struct Started {
    std::vector<float> logits;
    std::string log;
    std::uint64_t resident = 0;
  };
  Started start(const PackedCache& cache, kernels::Numerics numerics = kernels::Numerics::fast) {
    testing::internal::CaptureStderr();
    const auto source = open_gguf(file_).value();
    PackedTensors tensors{cache, file_, *source};
    auto model = make_model(*source, {.numerics = numerics, .tensors = &tensors});
    if (model) tensors.keep();
    Started started{{}, testing::internal::GetCapturedStderr()};
    if (!model) throw std::runtime_error(model.error().message);
    Machine machine{2, numerics};
    const TokenId ids[] = {3, 96, 0, 41};
    started.logits = logits(**model, machine.ex, machine.ledger, ids, true).value();
    started.resident = (*model)->info().resident_bytes;
    return started;
  }
  PackedCache cache() const { return {folder_ / "packed", 1 << 20, 0}; }
  std::vector<PackedFile> files() const { return packed_files(folder_ / "packed"); }

  static bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
  }

  const fs::path folder_ = fs::temp_directory_path() / ("zenith-packed-" + std::to_string(getpid()));
  const fs::path file_ = folder_ / "tiny.gguf";
};

TEST_F(PackedStart, the_second_start_reads_what_the_first_packed_and_has_its_bits) {
  for (const auto numerics : {kernels::Numerics::fast, kernels::Numerics::exact}) {
    fs::remove_all(folder_ / "packed");
    const Started alone = start({}, numerics), first = start(cache(), numerics);
    EXPECT_EQ(alone.log, "");
    EXPECT_THAT(first.log, HasSubstr("packed weights kept"));
    ASSERT_EQ(files().size(), 1u);
    const auto written = files()[0].bytes;
    const Started second = start(cache(), numerics);
    EXPECT_EQ(second.log, "");
    EXPECT_EQ(files()[0].bytes, written);
    EXPECT_TRUE(same_bits(alone.logits, first.logits));
    EXPECT_TRUE(same_bits(alone.logits, second.logits));
    EXPECT_EQ(alone.resident, second.resident);
  }
}

TEST_F(PackedStart, every_architecture_starts_from_it_with_the_same_bits) {
  for (const char* arch : {"llama", "qwen2", "qwen3", "gemma3"}) {
    write(quantised(arch));
    const Started alone = start({}), first = start(cache()), second = start(cache());
    EXPECT_EQ(second.log, "") << arch;
    EXPECT_TRUE(same_bits(alone.logits, first.logits) && same_bits(alone.logits, second.logits)) << arch;
  }
}

struct Damage {
  const char* name;
  std::function<void(const fs::path&)> make;
  const char* says;
};
void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }
class DamagedFile : public PackedStart, public testing::WithParamInterface<Damage> {};

void change(const fs::path& file, std::streamoff at, char to) {
  std::fstream stream{file, std::ios::in | std::ios::out | std::ios::binary};
  stream.seekp(at, at < 0 ? std::ios::end : std::ios::beg);
  stream.put(to);
}

TEST_P(DamagedFile, is_told_and_written_anew) {
  const Started first = start(cache());
  const fs::path file = files().at(0).path;
  GetParam().make(file);
  const Started second = start(cache());
  EXPECT_THAT(second.log, HasSubstr("level=warn"));
  EXPECT_THAT(second.log, HasSubstr(GetParam().says));
  EXPECT_TRUE(same_bits(first.logits, second.logits));
  const Started third = start(cache());
  EXPECT_EQ(third.log, "");
  EXPECT_TRUE(same_bits(first.logits, third.logits));
}

INSTANTIATE_TEST_SUITE_P(
    engine, DamagedFile,
    testing::Values(Damage{"last_byte", [](const fs::path& f) { change(f, -1, 0x55); }, "are damaged"},
                    Damage{"header", [](const fs::path& f) { change(f, 60, 0x55); }, "header is damaged"},
                    Damage{"table", [](const fs::path& f) { change(f, 130, 0x55); }, "table is damaged"},
                    Damage{"another_version", [](const fs::path& f) { change(f, 8, 0x55); }, "it has version 85"},
                    Damage{"cut", [](const fs::path& f) { fs::resize_file(f, fs::file_size(f) - 1); },
                           "its header says"},
                    Damage{"empty", [](const fs::path& f) { fs::resize_file(f, 0); }, "ends inside its header"}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST_F(PackedStart, a_changed_model_file_is_another_model) {
  const Started first = start(cache());
  GgufWriter other = quantised("llama");
  auto& bytes = other.tensors[1].bytes;
  bytes.at(2) = bytes.at(2) == std::byte{5} ? std::byte{6} : std::byte{5};  // not where the generation samples
  write(other);
  fs::last_write_time(file_, fs::file_time_type::clock::now() + std::chrono::seconds{2});
  const Started second = start(cache());
  EXPECT_FALSE(same_bits(first.logits, second.logits));
  EXPECT_TRUE(same_bits(second.logits, start({}).logits));
}

TEST_F(PackedStart, a_folder_that_cannot_be_written_is_told_and_the_model_runs) {
  const Started alone = start({});
  const Started started = start({file_ / "below_a_file", 1 << 20, 0});
  EXPECT_THAT(started.log, HasSubstr("packed weights cannot be kept"));
  EXPECT_TRUE(same_bits(alone.logits, started.logits));
}

TEST_F(PackedStart, a_disk_that_is_full_is_told_and_nothing_half_written_stays) {
  // A file size limit stands for the full disk: both refuse the file's bytes.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto old = signal(SIGXFSZ, SIG_IGN);
  const rlimit small{16384, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const Started started = start(cache());
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, old);
  EXPECT_THAT(started.log, HasSubstr("packed weights cannot be kept"));
  EXPECT_TRUE(fs::is_empty(folder_ / "packed"));
  EXPECT_TRUE(same_bits(started.logits, start({}).logits));
}

TEST_F(PackedStart, the_limit_holds_and_the_longest_unused_go_first) {
  start(cache());
  const std::uint64_t one = files().at(0).bytes;
  const fs::path oldest = files().at(0).path;
  PackedCache two = cache();
  two.most_bytes = 2 * one + one / 2;
  for (const int seconds : {10, 20}) {
    fs::last_write_time(oldest, fs::file_time_type::clock::now() - std::chrono::hours{1});
    fs::last_write_time(file_, fs::file_time_type::clock::now() + std::chrono::seconds{seconds});
    start(two);
  }
  EXPECT_EQ(files().size(), 2u);
  EXPECT_FALSE(fs::exists(oldest));
  PackedCache none = cache();
  none.most_bytes = one - 1;
  fs::last_write_time(file_, fs::file_time_type::clock::now() + std::chrono::seconds{30});
  EXPECT_THAT(start(none).log, HasSubstr("over the limit"));
  EXPECT_EQ(files().size(), 2u);
}

TEST_F(PackedStart, remove_takes_all_and_what_dead_writers_left) {
  start(cache());
  std::ofstream{folder_ / "packed" / "x.123.zpk.new"} << "half";
  std::ofstream{folder_ / "packed" / "another's.txt"} << "stays";
  const auto removed = remove_packed(folder_ / "packed");
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->count, 2u);
  EXPECT_TRUE(fs::exists(folder_ / "packed" / "another's.txt"));
  EXPECT_TRUE(files().empty());
  EXPECT_EQ(remove_packed(folder_ / "nowhere")->count, 0u);
}

TEST(PackedModel, a_real_one_loads_from_it_with_the_same_bits) {
  const fs::path folder = fs::temp_directory_path() / ("zenith-packed-real-" + std::to_string(getpid()));
  Machine machine;
  const TokenId ids[] = {504, 3575, 282, 260};
  std::vector<float> want;
  for (int run = 0; run < 2; ++run) {
    testing::internal::CaptureStderr();
    const auto loaded = load_model(smollm2(), {.packed = {folder, std::uint64_t{1} << 30}}, machine.ledger);
    const std::string log = testing::internal::GetCapturedStderr();
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(log.find("packed weights kept") != std::string::npos, run == 0) << log;
    const auto got = logits(*loaded->model, machine.ex, machine.ledger, ids, true).value();
    if (run == 0)
      want = got;
    else
      EXPECT_TRUE(std::memcmp(want.data(), got.data(), want.size() * sizeof(float)) == 0);
  }
  EXPECT_EQ(packed_files(folder).size(), 1u);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace zenith::models
