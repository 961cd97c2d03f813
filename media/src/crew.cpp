#include "crew.hpp"

#include <chrono>
#include <exception>
#include <string>

namespace zenith::media {
namespace {

constexpr std::chrono::milliseconds kAskEvery{100};

Status run(const Crew::Each& each, std::size_t item, std::size_t thread) noexcept {
  try {
    return each(item, thread);
  } catch (const std::exception& e) {
    return fail(Errc::internal, e.what());
  }
}

}  // namespace

Crew::Crew(int threads) {
  for (int i = 1; i < threads; ++i) {
    others_.emplace_back([this, i] { help(static_cast<std::size_t>(i)); });
  }
}

Crew::~Crew() {
  {
    const std::scoped_lock lock{mutex_};
    ended_ = true;
  }
  work_.notify_all();
  for (auto& other : others_) other.join();
}

bool Crew::do_one(std::size_t thread, std::unique_lock<std::mutex>& lock) {
  if (each_ == nullptr || next_ >= count_) return false;
  const std::size_t item = next_++;
  ++running_;
  lock.unlock();
  Status done = run(*each_, item, thread);
  lock.lock();
  --running_;
  if (!done && outcome_) {
    outcome_ = std::move(done);
    next_ = count_;
  }
  if (running_ == 0 && next_ >= count_) idle_.notify_all();
  return true;
}

void Crew::help(std::size_t thread) {
  std::unique_lock lock{mutex_};
  while (!ended_) {
    if (!do_one(thread, lock)) work_.wait(lock, [&] { return ended_ || (each_ != nullptr && next_ < count_); });
  }
}

Status Crew::for_each(std::size_t count, const StillWanted& wanted, const Each& each) {
  std::unique_lock lock{mutex_};
  each_ = &each;
  next_ = running_ = 0;
  count_ = count;
  outcome_ = {};
  work_.notify_all();
  const auto over = [&] { return running_ == 0 && next_ >= count_; };
  while (!over()) {
    lock.unlock();
    const bool go_on = wanted();
    lock.lock();
    if (!go_on) {
      if (outcome_) outcome_ = fail(Errc::cancelled, "nobody waits for the text any more");
      next_ = count_;
      idle_.wait(lock, over);
      break;
    }
    if (!do_one(0, lock)) idle_.wait_for(lock, kAskEvery, over);
  }
  each_ = nullptr;
  return std::move(outcome_);
}

}  // namespace zenith::media
