#include <gtest/gtest.h>

#include <future>
#include <memory>

#include "text/held.hpp"
#include "zenith/services/lane.hpp"

namespace zenith::services {
namespace {

using namespace std::chrono_literals;

TEST(worker, refuses_more_jobs_than_may_wait) {
  std::promise<void> started, go;
  int ran = 0;
  const auto worker = make_worker("test", 2);
  ASSERT_TRUE(worker->submit([&] {
    started.set_value();
    go.get_future().wait();
  }));
  started.get_future().wait();
  std::promise<void> last;
  EXPECT_TRUE(worker->submit([&] { ++ran; }));
  EXPECT_TRUE(worker->submit([&] {
    ++ran;
    last.set_value();
  }));
  const auto refused = worker->submit([&] { ++ran; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::overloaded);
  EXPECT_GT(refused.error().retry_after, 0ms);
  go.set_value();
  last.get_future().wait();
  worker->stop();
  EXPECT_EQ(ran, 2);
}

TEST(held, a_request_is_taken_once_and_then_kept_no_longer) {
  auto body = std::make_shared<int>(7);
  Held<std::shared_ptr<int>> held(body);
  EXPECT_EQ(body.use_count(), 2);
  held.take();
  EXPECT_EQ(body.use_count(), 1);
  EXPECT_FALSE(held.take());
}

}  // namespace
}  // namespace zenith::services
