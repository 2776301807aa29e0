// Several numbers that go to memory, or come from it, by one instruction.
#pragma once

#include "../pool_max.h"
#include "../pyramid.h"
#include "launch.h"

namespace spp::cuda {

template <typename T, int kCount>
struct alignas(kCount * sizeof(T)) Run {
  T items[kCount];
};

// The built-in type of so many bytes: the compiler moves it whole.
template <size_t kBytes>
struct Bits;

template <>
struct Bits<2> {
  using type = unsigned short;
};

template <>
struct Bits<4> {
  using type = unsigned;
};

template <>
struct Bits<8> {
  using type = uint2;
};

template <>
struct Bits<16> {
  using type = uint4;
};

template <typename T, int kCount>
__device__ inline Run<T, kCount> load_run(const T* at) {
  using Whole = typename Bits<sizeof(Run<T, kCount>)>::type;
  return bits_as<Run<T, kCount>>(load_constant(reinterpret_cast<const Whole*>(at)));
}

// Written once and not read again by the kernel: to be evicted from the cache before the tables are.
template <typename T, int kCount>
__device__ inline void store_run(T* at, const Run<T, kCount>& run) {
  using Whole = typename Bits<sizeof(run)>::type;
  store_streaming(reinterpret_cast<Whole*>(at), bits_as<Whole>(run));
}

__device__ inline Range load_range(const Range* at) {
  const uint2 both = load_produced(reinterpret_cast<const uint2*>(at));
  return {static_cast<int32_t>(both.x), static_cast<int32_t>(both.y)};
}

}  // namespace spp::cuda
