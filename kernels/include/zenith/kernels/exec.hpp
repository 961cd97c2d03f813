// What every op is given first: where to run, on which threads, with which scratch memory, at which numerics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

namespace zenith::kernels {

class ThreadPool;

enum class Device : std::uint8_t { cpu, cuda };

/// `fast` quantises activations for integer dot products; `exact` keeps them F32 (tests and parity).
enum class Numerics : std::uint8_t { fast, exact };

/// Which arithmetic a row gets. A row's result depends on its phase, its inputs, the weights and the dispatch target
/// only.
enum class Phase : std::uint8_t { prefill, decode };

/// Scratch memory: a stack of blocks that is kept between calls. One thread (the one that calls ops); ops hand slices
/// to the pool.
class Workspace {
 public:
  Workspace();
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  /// 64-byte aligned, uninitialised, valid until the Scope that was open at the call ends. Throws std::bad_alloc, which
  /// the engine's edge turns into out_of_memory; models/ sizes batches so that it does not happen.
  template <class T>
  std::span<T> take(std::size_t count) {
    return {static_cast<T*>(take_bytes(count * sizeof(T))), count};
  }

  /// Gives back, at its end, everything taken since its start.
  class Scope {
   public:
    explicit Scope(Workspace& ws) noexcept;
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Workspace& ws_;
    std::size_t block_, used_;
  };

  std::size_t reserved_bytes() const noexcept;

 private:
  void* take_bytes(std::size_t bytes);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct Exec {
  Device device = Device::cpu;
  ThreadPool* pool = nullptr;  ///< never null while an op runs
  Workspace* workspace = nullptr;
  Numerics numerics = Numerics::fast;
};

}  // namespace zenith::kernels
