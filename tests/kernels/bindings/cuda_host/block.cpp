#include "block.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <exception>
#include <stdexcept>

namespace spp::cuda_host {
namespace {

constexpr unsigned char kGarbage = 0xA5;  // shared memory holds no zeros that a kernel did not write

// How many blocks wait for the kernel that runs now.
size_t depth = 0;

struct Within {
  Within() { ++depth; }
  ~Within() { --depth; }
};

template <typename Thing>
Thing& kept_at_depth() {
  static std::deque<Thing> kept;  // whose things stay where they are
  while (kept.size() <= depth) kept.emplace_back();
  return kept[depth];
}

// Fibers are kept for the next block: a stack is dear, a start is not.
std::vector<std::unique_ptr<Fiber>>& fibers() { return kept_at_depth<std::vector<std::unique_ptr<Fiber>>>(); }

// So is the watch: its words begin anew with every block by the epochs alone.
SharedWatch& shared_watch() { return kept_at_depth<SharedWatch>(); }

int64_t next_epoch() {
  static int64_t last = 0;
  return ++last;
}

}  // namespace

Block* Block::running = nullptr;

Settings& settings() {
  static Settings current;
  return current;
}

Block::Block(int threads, size_t shared_bytes, std::string what, std::mt19937_64& random)
    : threads_(threads),
      what_(std::move(what)),
      random_(random),
      shared_bytes_(shared_bytes),
      shared_(new unsigned char[shared_bytes + 1]),
      states_(threads),
      exchanged_((threads + kWarp - 1) / kWarp),
      block_epoch_(next_epoch()),
      warp_epochs_((threads + kWarp - 1) / kWarp) {
  std::memset(shared_.get(), kGarbage, shared_bytes);
  shared_watch().cover(shared_bytes);
}

void Block::run(const std::function<void(int)>& body, bool must_wait, const std::function<void()>& run_earlier) {
  auto& pool = fibers();
  while (pool.size() < states_.size()) pool.push_back(std::make_unique<Fiber>());
  for (int t = 0; t < threads_; ++t) {
    pool[t]->start([this, t, &body] {
      try {
        body(t);
      } catch (const std::exception& error) {
        error_ = error.what();
      }
      states_[t].state = State::kReturned;
    });
  }
  running = this;
  std::vector<int> turn;
  while (error_.empty()) {
    turn.clear();
    for (int t = 0; t < threads_; ++t) {
      if (states_[t].state == State::kReady) turn.push_back(t);
    }
    if (turn.empty()) {
      if (earlier_done_) break;
      {
        const Within within;
        run_earlier();
      }
      running = this;
      earlier_done_ = true;
      release(0, threads_, State::kWaitsForEarlier);
      continue;
    }
    if (settings().random_order) std::shuffle(turn.begin(), turn.end(), random_);
    for (int t : turn) {
      current_ = t;
      pool[t]->resume();
      if (!error_.empty()) break;
    }
  }
  running = nullptr;
  if (!error_.empty()) throw std::runtime_error(error_);
  for (const Thread& thread : states_) {
    if (thread.state != State::kReturned) throw std::runtime_error(what_ + ": " + describe_waiting());
    if (must_wait && !thread.has_waited)
      throw std::runtime_error(what_ + ": a thread did not wait for earlier kernels");
  }
}

void Block::wait() {
  const int own = current_;
  fibers()[own]->give_way();
  current_ = own;
}

void Block::release(int first, int count, State from) {
  for (int t = first; t < first + count; ++t) {
    if (states_[t].state == from) states_[t].state = State::kReady;
  }
}

void Block::sync_threads() {
  states_[current_].state = State::kAtBlockBarrier;
  const bool all = std::all_of(states_.begin(), states_.end(),
                               [](const Thread& thread) { return thread.state == State::kAtBlockBarrier; });
  if (all) {
    block_epoch_ = next_epoch();
    release(0, threads_, State::kAtBlockBarrier);
  }
  wait();
}

void Block::arrive_at_warp(uint32_t mask, WarpOp op) {
  const int first = current_ / kWarp * kWarp;
  const int count = std::min(kWarp, threads_ - first);
  if (mask != (count == kWarp ? ~0u : (1u << count) - 1)) fail("only full warps may synchronize");
  states_[current_].state = State::kAtWarpBarrier;
  states_[current_].op = op;
  const bool all = std::all_of(states_.begin() + first, states_.begin() + first + count, [op](const Thread& thread) {
    return thread.state == State::kAtWarpBarrier && thread.op == op;
  });
  if (all) {
    // Exchanges order no memory accesses; only the barrier does.
    if (op == WarpOp::kSync) ++warp_epochs_[first / kWarp];
    for (int lane = 0; lane < count; ++lane) exchanged_[first / kWarp][lane] = states_[first + lane].given;
    release(first, count, State::kAtWarpBarrier);
  }
  wait();
}

void Block::wait_for_earlier() {
  states_[current_].has_waited = true;
  if (earlier_done_) return;
  states_[current_].state = State::kWaitsForEarlier;
  wait();
}

void Block::sync_warp(uint32_t mask) { arrive_at_warp(mask, WarpOp::kSync); }

const std::array<uint64_t, kWarp>& Block::exchange(uint32_t mask, uint64_t own) {
  states_[current_].given = own;
  arrive_at_warp(mask, WarpOp::kExchange);
  return exchanged_[current_ / kWarp];
}

void Block::watch(const void* address, size_t size, Access access) {
  const auto* byte = static_cast<const unsigned char*>(address);
  if (byte < shared_.get() || byte + size > shared_.get() + shared_bytes_) {
    fail("access outside of the block's " + std::to_string(shared_bytes_) + " bytes of shared memory");
  }
  if (!settings().watch_races) return;
  const Visit visit = {current_, access, block_epoch_, warp_epochs_[current_ / kWarp]};
  const std::string error = shared_watch().note(byte - shared_.get(), size, visit);
  if (!error.empty()) fail(error);
}

void Block::fail(const std::string& message) const {
  throw std::runtime_error(what_ + ", thread " + std::to_string(current_) + ": " + message);
}

std::string Block::describe_waiting() const {
  int at_block = 0;
  int at_warp = 0;
  int returned = 0;
  for (const Thread& thread : states_) {
    at_block += thread.state == State::kAtBlockBarrier;
    at_warp += thread.state == State::kAtWarpBarrier;
    returned += thread.state == State::kReturned;
  }
  return "divergent barrier: " + std::to_string(at_block) + " threads wait at __syncthreads, " +
         std::to_string(at_warp) + " for their warp, " + std::to_string(returned) + " have returned";
}

}  // namespace spp::cuda_host
