// One block of threads on the host: a fiber a thread, barriers, exchanges within a warp, and the block's shared memory.
//
// Threads are taken in order or in a random one. A block that can't go on (threads wait at different barriers, or some
// have returned and others wait for them) is reported, as is every finding of the shared memory's watch.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "fiber.h"
#include "shared_watch.h"

struct CUstream_st;

namespace spp::cuda_host {

constexpr int kWarp = 32;

// What all threads of a warp do together. Only full warps: the kernels use no others.
enum class WarpOp { kSync, kExchange };

// Settings of the stand-in, changed by tests.
struct Settings {
  bool random_order = false;  // of blocks and threads
  uint64_t seed = 0;
  bool watch_races = true;
  int multiprocessors = 2;
  int max_shared_bytes = 227 * 1024;  // a block may ask for
  int max_grid_x = INT32_MAX;
  int max_grid_y = 65535;
  int device_version = 90;  // of the processor, as 90 for 9.0
  int code_version = 90;    // of what the kernels were compiled for
  bool capturing = false;   // the stream, into a graph
  int scratch_byte = 0xA5;  // of which a call's workspace is full before it
};

Settings& settings();

// What calls are enqueued on: any but the default stream.
inline CUstream_st* stream() {
  static char there;
  return reinterpret_cast<CUstream_st*>(&there);
}

inline int64_t max_grid_x() { return settings().max_grid_x; }
inline int64_t max_grid_y() { return settings().max_grid_y; }

class Block {
 public:
  // `what` names kernel and block in error messages.
  Block(int threads, size_t shared_bytes, std::string what, std::mt19937_64& random);

  // Runs `body(thread)` once for each thread; throws std::runtime_error on what no kernel may do. Where no thread can
  // go on and some wait for earlier kernels, `run_earlier` runs these; if `must_wait`, every thread must have waited
  // so.
  void run(const std::function<void(int)>& body, bool must_wait, const std::function<void()>& run_earlier);

  // From within a thread:
  void sync_threads();
  void sync_warp(uint32_t mask);
  void wait_for_earlier();
  // Each lane's number, as all lanes of the warp gave them.
  const std::array<uint64_t, kWarp>& exchange(uint32_t mask, uint64_t own);
  unsigned char* shared_memory() { return shared_.get(); }
  void watch(const void* address, size_t size, Access access);
  int thread() const { return current_; }
  [[noreturn]] void fail(const std::string& message) const;

  static Block* running;  // the block whose thread runs now

 private:
  enum class State { kReady, kAtBlockBarrier, kAtWarpBarrier, kWaitsForEarlier, kReturned };

  struct Thread {
    State state = State::kReady;
    WarpOp op = WarpOp::kSync;
    uint64_t given = 0;
    bool has_waited = false;  // for earlier kernels
  };

  void arrive_at_warp(uint32_t mask, WarpOp op);
  void wait();
  void release(int first, int count, State from);
  std::string describe_waiting() const;

  int threads_;
  std::string what_;
  std::mt19937_64& random_;
  size_t shared_bytes_;
  std::unique_ptr<unsigned char[]> shared_;
  std::vector<Thread> states_;
  std::vector<std::array<uint64_t, kWarp>> exchanged_;  // by warp
  int64_t block_epoch_;
  std::vector<int64_t> warp_epochs_;
  int current_ = 0;
  bool earlier_done_ = false;
  std::string error_;
};

}  // namespace spp::cuda_host
