// The one place that starts a kernel.
#pragma once

#include <stdexcept>
#include <string>

#include "portability.h"
#include "roi_spp_cuda.h"

namespace spp::cuda {

constexpr size_t kPlainSharedBytes = 48 * 1024;  // what a block may have without asking
constexpr int kMaxBins = 1 << 22;  // of a pyramid, for 32-bit offsets within some channels of a pooled row

#if defined(SPP_CUDA_ON_HOST)
using cuda_host::max_grid_x;
using cuda_host::max_grid_y;
#else
constexpr int64_t max_grid_x() { return INT32_MAX; }
constexpr int64_t max_grid_y() { return 65535; }
#endif

SPP_HOST_DEVICE constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
SPP_HOST_DEVICE constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

inline void check(cudaError_t error, const std::string& what) {
  if (error == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // reported here, it must not meet whoever asks next
  throw std::runtime_error("spp_ops: " + what + ": " + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) +
                           ")");
}

inline int device_attribute(cudaDeviceAttr attribute) {
  int device = 0;
  int value = 0;
  check(cudaGetDevice(&device), "current device");
  check(cudaDeviceGetAttribute(&value, attribute, device), "device attribute");
  return value;
}

// Work wider than the grid may be is finished by the kernels' own loops over it.
struct LaunchShape {
  int64_t grid_x;
  int64_t grid_y;
  int block;
  size_t shared_bytes;
  int together = 1;    // blocks that are to share a multiprocessor, for which its shared memory is carved out
  bool early = false;  // may begin before the kernel in front of it has ended: see wait_for_earlier_kernels
};

constexpr int64_t kSystemSharedBytes = 1024;  // that a block takes of a multiprocessor besides its own

// Per cent of a multiprocessor's shared memory that so many blocks of so many bytes take. What is not asked for is
// cache, and a multiprocessor whose last kernel asked for little would hold fewer blocks.
inline int carve_out(const LaunchShape& shape) {
  const int64_t all = device_attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
  const int64_t bytes = shape.together * (static_cast<int64_t>(shape.shared_bytes) + kSystemSharedBytes);
  return static_cast<int>(smaller<int64_t>(ceil_div(100 * bytes, larger<int64_t>(all, 1)), 100));
}

template <typename Args>
void launch(const char* name, void (*kernel)(Args), const LaunchShape& shape, Stream stream, const Args& args) {
  static_assert(sizeof(Args) <= 4096, "kernel parameters are limited to 4 KB");
  if (shape.grid_x <= 0 || shape.grid_y <= 0) return;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(smaller(shape.grid_x, max_grid_x())),
                        static_cast<unsigned>(smaller(shape.grid_y, max_grid_y())));
  config.blockDim = dim3(shape.block);
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream;
  const auto what = [&] {
    return std::string(name) + " (grid " + std::to_string(config.gridDim.x) + " x " + std::to_string(config.gridDim.y) +
           ", block " + std::to_string(shape.block) + ", shared memory " + std::to_string(shape.shared_bytes) +
           " bytes)";
  };
  const auto require = [&](cudaError_t error) {
    if (error != cudaSuccess) check(error, what());  // a call that goes well makes no text
  };
  const auto set = [&](cudaFuncAttribute attribute, int value) {
    require(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), attribute, value));
  };
  if (shape.shared_bytes > 0) set(cudaFuncAttributePreferredSharedMemoryCarveout, carve_out(shape));
  if (shape.shared_bytes > kPlainSharedBytes) {
    // All that there is: with what this launch takes, another thread's could come between.
    set(cudaFuncAttributeMaxDynamicSharedMemorySize, device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin));
  }
  LaunchAttribute attribute;
  if (shape.early) {
    bool known = false;
    bool captured = false;
    require(knows_early(reinterpret_cast<const void*>(kernel), known));
    require(is_captured(stream, captured));
    if (known && !captured) begin_early(config, attribute);
  }
  require(cudaLaunchKernelEx(&config, kernel, args));
}

}  // namespace spp::cuda
