#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>

#include "socket_fixture.hpp"
#include "zenith/wire/run_dir.hpp"

namespace zenith::wire::test {
namespace {

TEST(run_dir, is_made_closed_to_others) {
  TemporaryFolder folder;
  const auto dir = RunDir::open(folder.path() / "deep" / "run");
  ASSERT_TRUE(dir) << dir.error().message;
  struct stat info{};
  stat(dir->path().c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST(run_dir, a_file_in_its_place_is_an_error) {
  TemporaryFolder folder;
  std::ofstream{folder.path() / "run"} << "x";
  const auto dir = RunDir::open(folder.path() / "run");
  ASSERT_FALSE(dir);
  EXPECT_EQ(dir.error().code, Errc::io);
}

TEST(run_dir, a_claim_is_exclusive_and_ends_with_its_holder) {
  TemporaryFolder folder;
  const auto dir = *RunDir::open(folder.path() / "run");
  {
    const auto first = dir.claim("text-1");
    ASSERT_TRUE(first);
    EXPECT_EQ(dir.claim("text-1").error().code, Errc::unavailable);
    EXPECT_TRUE(dir.claim("text-2"));
  }
  EXPECT_TRUE(dir.claim("text-1"));
}

TEST(run_dir, names_and_paths_are_checked) {
  TemporaryFolder folder;
  const auto dir = *RunDir::open(folder.path() / "run");
  for (const auto* name : {"", ".", "../x", "a/b", "a b"}) {
    EXPECT_EQ(dir.endpoint(name).error().code, Errc::invalid_argument) << name;
  }
  EXPECT_EQ(*dir.endpoint("text-1"), "ipc://" + (dir.path() / "text-1.sock").string());
  const auto deep = RunDir::open(folder.path() / std::string(90, 'd'));
  const auto refused = deep->endpoint("text-1-with-a-longer-name");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("ZENITH_RUN_DIR"));
}

TEST(run_dir, what_the_dead_left_is_swept_and_the_living_keep_theirs) {
  TemporaryFolder folder;
  const auto dir = *RunDir::open(folder.path() / "run");
  Side living;
  ASSERT_TRUE(living.sockets->listen(*dir.endpoint("living")));
  const auto segment = Claim::take(dir.path() / "living.shm");
  const pid_t child = fork();
  if (child == 0) {
    Side dying;
    const auto listening = dying.sockets->listen(*dir.endpoint("dead"));
    const auto lost = Claim::take(dir.path() / "dead.shm");
    const auto lock = dir.claim("dead");
    _exit(listening && lost && lock ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  const auto swept = dir.sweep();
  EXPECT_EQ(swept.sockets, 1u);
  EXPECT_EQ(swept.segments, 1u);
  EXPECT_EQ(swept.locks, 1u);
  std::vector<std::string> left;
  for (const auto& file : std::filesystem::directory_iterator{dir.path()}) left.push_back(file.path().filename());
  EXPECT_THAT(left, testing::UnorderedElementsAre("living.sock", "living.sock.lock", "living.shm"));
}

}  // namespace
}  // namespace zenith::wire::test
