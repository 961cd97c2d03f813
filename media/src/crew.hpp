// Threads that share what one picture has to have done.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/media/ocr.hpp"

namespace zenith::media {

/// for_each() is called by one thread at a time; that thread works as well.
class Crew {
 public:
  /// @param thread which of the threads does it, from 0: that of for_each()'s caller.
  using Each = std::function<Status(std::size_t item, std::size_t thread)>;

  /// @param threads at least 1, the caller of for_each() among them. The others are started here: they have the
  /// niceness of this thread.
  explicit Crew(int threads);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// `each` of every item below `count`, in any order, several at once; returns when none runs any more.
  /// @param wanted asked by the calling thread alone, before each of its items and while it waits for the others'.
  /// @returns the first failure (then what has not begun is left out); cancelled; internal when `each` throws.
  Status for_each(std::size_t count, const StillWanted& wanted, const Each& each);

 private:
  void help(std::size_t thread);
  /// Does one item, if one is left. @pre the lock is held; it is let go meanwhile.
  bool do_one(std::size_t thread, std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable work_, idle_;
  const Each* each_ = nullptr;  ///< null: nothing is to be done
  std::size_t next_ = 0, count_ = 0, running_ = 0;
  Status outcome_;
  bool ended_ = false;
  std::vector<std::thread> others_;
};

}  // namespace zenith::media
