#include "fiber.h"

#include <sys/mman.h>

#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace spp::cuda_host {
namespace {

constexpr size_t kGuardBytes = 4096;
constexpr size_t kStackBytes = 256 * 1024;  // touched only as far as used
constexpr size_t kLastFrameBytes = 4096;    // of the functions that a finished body leaves for good

Fiber* entered = nullptr;  // the fiber that `enter` is to serve: makecontext passes no pointers

void before_switch([[maybe_unused]] void** save, [[maybe_unused]] const void* stack, [[maybe_unused]] size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(save, stack, size);
#endif
}

void after_switch([[maybe_unused]] void* saved, [[maybe_unused]] const void** stack, [[maybe_unused]] size_t* size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(saved, stack, size);
#endif
}

}  // namespace

Fiber::Fiber() {
  void* memory = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = static_cast<char*>(memory);
  mprotect(memory_, kGuardBytes, PROT_NONE);
}

Fiber::~Fiber() { munmap(memory_, kGuardBytes + kStackBytes); }

void Fiber::start(std::function<void()> body) {
  body_ = std::move(body);
  inside_fake_stack_ = nullptr;
#if defined(__SANITIZE_ADDRESS__)
  // The frames of a body that has returned are no longer marked; marks on a whole stack are dear.
  const size_t marked = finished_ ? kLastFrameBytes : kStackBytes;
  __asan_unpoison_memory_region(memory_ + kGuardBytes + kStackBytes - marked, marked);
#endif
  finished_ = false;
  getcontext(&inside_);
  inside_.uc_stack.ss_sp = memory_ + kGuardBytes;
  inside_.uc_stack.ss_size = kStackBytes;
  inside_.uc_link = nullptr;
  makecontext(&inside_, &Fiber::enter, 0);
  inside_.uc_stack = {};  // else AddressSanitizer would unmark the whole stack at every change to it
}

void Fiber::enter() {
  Fiber* fiber = entered;
  after_switch(nullptr, &fiber->outside_stack_, &fiber->outside_stack_size_);
  fiber->body_();
  fiber->finished_ = true;
  fiber->leave(true);
}

void Fiber::resume() {
  entered = this;
  before_switch(&outside_fake_stack_, memory_ + kGuardBytes, kStackBytes);
  swapcontext(&outside_, &inside_);
  after_switch(outside_fake_stack_, nullptr, nullptr);
}

void Fiber::give_way() { leave(false); }

void Fiber::leave(bool for_good) {
  before_switch(for_good ? nullptr : &inside_fake_stack_, outside_stack_, outside_stack_size_);
  swapcontext(&inside_, &outside_);
  after_switch(inside_fake_stack_, &outside_stack_, &outside_stack_size_);
}

}  // namespace spp::cuda_host
