// What the kernels need of the compiler, once: the mark that lets one function serve CPU and GPU.
#pragma once

#include <cstdint>

#if defined(__CUDACC__) || defined(__HIP__)
#define SPP_HOST_DEVICE __host__ __device__
#else
#define SPP_HOST_DEVICE
#endif

namespace spp {

constexpr int kMaxLevels = 16;  // levels of one pyramid
constexpr int kMaxMaps = 16;    // feature maps served by one call

template <typename T>
SPP_HOST_DEVICE constexpr T smaller(T a, T b) {
  return b < a ? b : a;
}

template <typename T>
SPP_HOST_DEVICE constexpr T larger(T a, T b) {
  return a < b ? b : a;
}

template <typename T>
SPP_HOST_DEVICE constexpr T clamp(T value, T low, T high) {
  return smaller(larger(value, low), high);
}

}  // namespace spp
