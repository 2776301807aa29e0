// A fiber: a function with a stack of its own that gives way and goes on where it stopped. AddressSanitizer is told of
// every change of stacks.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <functional>

namespace spp::cuda_host {

class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Makes the fiber ready to run `body` from its beginning; what an earlier body left on the stack is dropped.
  void start(std::function<void()> body);

  // Runs the fiber until it gives way or its body returns. Only from outside of fibers.
  void resume();

  // Returns to the caller of resume. Only from within this fiber.
  void give_way();

 private:
  static void enter();
  void leave(bool for_good);

  ucontext_t outside_{};
  ucontext_t inside_{};
  std::function<void()> body_;
  char* memory_;           // a guard page, then the stack
  bool finished_ = false;  // the body has returned
  void* inside_fake_stack_ = nullptr;
  void* outside_fake_stack_ = nullptr;
  const void* outside_stack_ = nullptr;
  size_t outside_stack_size_ = 0;
};

}  // namespace spp::cuda_host
