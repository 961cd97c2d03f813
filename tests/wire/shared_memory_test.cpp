#include "zenith/wire/shared_memory.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstring>
#include <fstream>

#include "socket_fixture.hpp"

namespace zenith::wire::test {
namespace {
using namespace std::chrono_literals;

Tensor tensor(std::size_t count, char fill = 'x') {
  return {DType::i8, 1, {static_cast<std::uint32_t>(count)}, bytes(count, fill)};
}

class SharedMemories : public testing::Test {
 protected:
  std::unique_ptr<SharedMemory> open(SharedMemoryOptions options = {}) const {
    return std::move(*SharedMemory::open(dir_, options));
  }
  TemporaryFolder folder_;
  RunDir dir_ = *RunDir::open(folder_.path() / "run");
};

TEST_F(SharedMemories, a_tensor_written_by_one_is_read_by_the_other_and_its_slot_used_again) {
  const auto owner = open(), reader = open();
  std::uint32_t slot = 0;
  for (int round = 0; round < 3; ++round) {
    const auto ref = owner->share(tensor(100'000, static_cast<char>('a' + round)));
    ASSERT_TRUE(ref);
    if (round > 0) {
      EXPECT_EQ(ref->slot, slot);
    }
    slot = ref->slot;
    const auto buffer = reader->attach(*ref);
    ASSERT_TRUE(buffer) << buffer.error().message;
    ASSERT_EQ(buffer->size(), 100'000u);
    EXPECT_EQ(text(*buffer), std::string(100'000, static_cast<char>('a' + round)));
  }
  EXPECT_EQ(owner->counters().shared, 3u);
}

TEST_F(SharedMemories, a_tensor_written_in_place_is_not_copied) {
  const auto owner = open(), reader = open();
  auto room = owner->allocate(100'000);
  ASSERT_TRUE(room);
  std::memset(room->bytes.data(), 'i', room->bytes.size());
  const auto ref = owner->share({DType::i8, 1, {100'000}, room->buffer});
  ASSERT_TRUE(ref);
  room->bytes[0] = std::byte{'!'};  // seen by the reader: it is the same memory
  auto buffer = *reader->attach(*ref);
  EXPECT_EQ(text(buffer).substr(0, 2), "!i");
  // Sent again it is a copy: one slot has one reader.
  const auto second = owner->share({DType::i8, 1, {100'000}, room->buffer});
  ASSERT_TRUE(second);
  EXPECT_NE(second->slot, ref->slot);
  // The slot is free only when both have let go.
  buffer = {};
  EXPECT_NE(owner->share(tensor(100'000))->slot, ref->slot);
  room.reset();
  EXPECT_EQ(owner->share(tensor(100'000))->slot, ref->slot);
}

TEST_F(SharedMemories, small_tensors_are_left_to_frames) { EXPECT_FALSE(open()->share(tensor(16'383))); }

TEST_F(SharedMemories, a_full_pool_says_no_counts_it_and_has_room_again_when_a_reader_lets_go) {
  SharedMemoryOptions small;
  small.budget_bytes = 4 << 20;
  const auto owner = open(small), reader = open();
  std::vector<Buffer> held;
  for (int i = 0; i < 4; ++i) held.push_back(*reader->attach(*owner->share(tensor(1 << 20))));
  EXPECT_FALSE(owner->share(tensor(1 << 20)));
  EXPECT_EQ(owner->counters().full, 1u);
  EXPECT_FALSE(owner->share(tensor(8 << 20)));
  held.pop_back();
  EXPECT_TRUE(owner->share(tensor(1 << 20)));
  held.clear();
}

TEST_F(SharedMemories, an_empty_segment_of_another_size_makes_room) {
  SharedMemoryOptions small;
  small.budget_bytes = 4 << 20;
  const auto owner = open(small), reader = open();
  static_cast<void>(*reader->attach(*owner->share(tensor(1 << 20))));
  EXPECT_TRUE(owner->share(tensor(1 << 22)));
  EXPECT_EQ(owner->counters().bytes, std::uint64_t{4} << 20);
}

TEST_F(SharedMemories, an_address_is_claimed_once_and_not_after_it_was_taken_back) {
  const auto owner = open(), reader = open();
  const auto ref = *owner->share(tensor(1 << 15));
  ASSERT_TRUE(reader->attach(ref));
  EXPECT_EQ(reader->attach(ref).error().code, Errc::bad_frame);
  const auto unsent = *owner->share(tensor(1 << 15));
  owner->take_back(unsent);
  EXPECT_EQ(reader->attach(unsent).error().code, Errc::bad_frame);
}

TEST_F(SharedMemories, what_nobody_claims_is_taken_back_in_time) {
  SharedMemoryOptions small;
  small.budget_bytes = 4 << 20;
  small.unclaimed = Duration{0};
  const auto owner = open(small);
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(owner->share(tensor(1 << 20))) << i;
  EXPECT_EQ(owner->counters().reclaimed, 4u);
}

TEST_F(SharedMemories, a_reader_that_is_killed_loses_its_claims_and_a_living_one_keeps_them) {
  SharedMemoryOptions small;
  small.budget_bytes = 4 << 20;
  const auto owner = open(small);
  std::vector<SharedRef> refs;
  for (int i = 0; i < 4; ++i) refs.push_back(*owner->share(tensor(1 << 20)));
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto reader = SharedMemory::open(dir_);
    std::vector<Buffer> held;
    for (const auto& ref : refs) held.push_back(*(*reader)->attach(ref));
    static_cast<void>(!write(pipes[1], "x", 1));
    sleep(20);
    _exit(0);
  }
  char ready = 0;
  ASSERT_EQ(read(pipes[0], &ready, 1), 1);
  EXPECT_FALSE(owner->share(tensor(1 << 20)));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  std::this_thread::sleep_for(1100ms);  // claims are looked at once a second
  EXPECT_TRUE(owner->share(tensor(1 << 20)));
  EXPECT_GE(owner->counters().reclaimed, 1u);
  EXPECT_EQ(dir_.sweep().segments, 1u);  // the dead reader's lock file
}

struct Lie {
  const char* name;
  void (*tell)(SharedRef&);
};
class Lies : public SharedMemories, public testing::WithParamInterface<Lie> {};
TEST_P(Lies, are_refused) {
  const auto owner = open(), reader = open();
  auto ref = *owner->share(tensor(1 << 15));
  const auto honest = ref;
  GetParam().tell(ref);
  const auto buffer = reader->attach(ref);
  ASSERT_FALSE(buffer);
  EXPECT_EQ(buffer.error().code, Errc::bad_frame);
  EXPECT_EQ(reader->counters().refused, 1u);
  EXPECT_TRUE(reader->attach(honest));
}
INSTANTIATE_TEST_SUITE_P(shared_memory, Lies,
                         testing::Values(Lie{"no_such_segment", [](SharedRef& r) { r.segment ^= 1; }},
                                         Lie{"no_such_slot", [](SharedRef& r) { r.slot = 1u << 30; }},
                                         Lie{"another_generation", [](SharedRef& r) { r.generation += 1; }},
                                         Lie{"too_many_bytes", [](SharedRef& r) { r.bytes = std::uint64_t{1} << 40; }},
                                         Lie{"another_offset", [](SharedRef& r) { r.offset += 64; }},
                                         Lie{"offset_that_wraps", [](SharedRef& r) { r.offset = ~std::uint64_t{0}; }}),
                         [](const auto& i) { return std::string{i.param.name}; });

TEST_F(SharedMemories, segments_that_belie_their_size_are_refused) {
  const auto reader = open();
  const std::string name = "00000000000000aa.shm";
  const SharedRef ref{0xaa, 0, 1, 8192, 4096};
  for (const std::string& content : {std::string{}, std::string(100, 'x'), std::string(1 << 16, '\0')}) {
    std::ofstream{dir_.path() / name} << content;
    EXPECT_FALSE(reader->attach(ref));
  }
  // A true header over a file that was cut short.
  const auto owner = open();
  const auto real = *owner->share(tensor(1 << 15));
  for (const auto& file : std::filesystem::directory_iterator{dir_.path()}) {
    if (file.path().extension() == ".shm" && file.path().filename() != name) {
      std::filesystem::copy_file(file.path(), dir_.path() / name, std::filesystem::copy_options::overwrite_existing);
      std::filesystem::resize_file(dir_.path() / name, 8192);
    }
  }
  EXPECT_FALSE(reader->attach({0xaa, real.slot, real.generation, real.offset, real.bytes}));
  std::filesystem::remove(dir_.path() / name);
  std::filesystem::create_symlink("/dev/zero", dir_.path() / name);
  EXPECT_FALSE(reader->attach(ref));
}

}  // namespace
}  // namespace zenith::wire::test
