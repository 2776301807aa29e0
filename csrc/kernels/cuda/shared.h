// Shared memory of a block: typed spans cut one after the other from the dynamic shared memory of the launch.
//
// On a GPU a span is a pointer. Where the kernels run on the host, the same names stand for spans that check every
// access for its bounds and for races between threads.
#pragma once

#include "launch.h"

#if defined(SPP_CUDA_ON_HOST)
#include "checked_shared.h"
#else

namespace spp::cuda {

template <typename T>
class Shared {
 public:
  Shared() = default;
  __device__ Shared(T* data, int32_t) : data_(data) {}

  __device__ T& operator[](int32_t i) const { return data_[i]; }
  __device__ Shared part(int32_t first, int32_t count) const { return {data_ + first, count}; }

  // The same memory as other, larger things.
  template <typename Other>
  __device__ Shared<Other> as() const {
    return {reinterpret_cast<Other*>(data_), 0};
  }

  __device__ T atomic_add(int32_t i, T value) const { return atomicAdd(data_ + i, value); }
  __device__ T atomic_max(int32_t i, T value) const { return atomicMax(data_ + i, value); }
  __device__ T atomic_or(int32_t i, T value) const { return atomicOr(data_ + i, value); }

 private:
  T* data_;
};

__device__ inline unsigned char* dynamic_shared_memory() {
  extern __shared__ uint4 memory[];
  return reinterpret_cast<unsigned char*>(memory);
}

template <typename T>
__device__ Shared<T> shared_span(unsigned char* memory, int32_t count) {
  return {reinterpret_cast<T*>(memory), count};
}

}  // namespace spp::cuda

#endif

namespace spp::cuda {

constexpr int kSharedAlignment = 16;

template <typename T>
SPP_HOST_DEVICE constexpr size_t shared_bytes_of(int64_t count) {
  return round_up(count * static_cast<int64_t>(sizeof(T)), kSharedAlignment);
}

// Hands out the spans of a block in order; a launch asks for the sum of their shared_bytes_of.
class SharedArena {
 public:
  __device__ SharedArena() : next_(dynamic_shared_memory()) {}

  template <typename T>
  __device__ Shared<T> take(int32_t count) {
    const Shared<T> span = shared_span<T>(next_, count);
    next_ += shared_bytes_of<T>(count);
    return span;
  }

 private:
  unsigned char* next_;
};

}  // namespace spp::cuda
