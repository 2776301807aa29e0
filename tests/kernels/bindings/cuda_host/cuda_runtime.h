// Stands in for CUDA's <cuda_runtime.h>: the part of the language and of the runtime that the kernels use, in host C++.
// With this folder first on the include path a .cu file compiles as C++, and a launch runs the grid block by block.
#pragma once

#define SPP_CUDA_ON_HOST 1

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "block.h"
#include "global_memory.h"

#define __global__
#define __device__
#define __host__
#define __grid_constant__
#define __forceinline__
#define __launch_bounds__(...)

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

struct alignas(8) uint2 {
  unsigned x, y;
};

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

inline uint3 threadIdx{};
inline uint3 blockIdx{};
inline dim3 blockDim{};
inline dim3 gridDim{};

inline void __syncthreads() {
  const uint3 own = threadIdx;
  spp::cuda_host::Block::running->sync_threads();
  threadIdx = own;
}

inline void __syncwarp(unsigned mask = 0xFFFFFFFFu) {
  const uint3 own = threadIdx;
  spp::cuda_host::Block::running->sync_warp(mask);
  threadIdx = own;
}

template <typename T>
T __shfl_sync(unsigned mask, T value, int lane) {
  static_assert(sizeof(T) <= 8);
  const uint3 own = threadIdx;
  uint64_t bits = 0;
  __builtin_memcpy(&bits, &value, sizeof(T));
  bits = spp::cuda_host::Block::running->exchange(mask, bits)[lane % spp::cuda_host::kWarp];
  threadIdx = own;
  __builtin_memcpy(&value, &bits, sizeof(T));
  return value;
}

inline unsigned __ballot_sync(unsigned mask, int predicate) {
  const uint3 own = threadIdx;
  const auto& given = spp::cuda_host::Block::running->exchange(mask, predicate != 0);
  unsigned votes = 0;
  for (int lane = 0; lane < spp::cuda_host::kWarp; ++lane) votes |= (mask >> lane & 1 & given[lane]) << lane;
  threadIdx = own;
  return votes;
}

inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) == mask; }

// Threads change only at barriers, so a plain update is an atomic one.
template <typename T>
T atomicAdd(T* address, T value) {
  const T old = *address;
  *address = old + value;
  return old;
}

template <typename T>
T atomicMin(T* address, T value) {
  const T old = *address;
  if (value < old) *address = value;
  return old;
}

template <typename T>
T __ldg(const T* address) {
  spp::cuda_host::check_global(address, sizeof(T), false);
  return *address;
}

template <typename T>
T __ldca(const T* address) {
  return __ldg(address);
}

template <typename T>
void __stcs(T* address, T value) {
  spp::cuda_host::check_global(address, sizeof(T), true);
  *address = value;
}

inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>((uint64_t{a} * b) >> 32); }
inline int __clzll(long long value) {
  return value == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(value));
}
inline int __popc(unsigned value) { return __builtin_popcount(value); }
inline int __clz(int value) { return value == 0 ? 32 : __builtin_clz(static_cast<unsigned>(value)); }

// Maximum of two pairs of signed 16-bit numbers.
inline unsigned __vmaxs2(unsigned a, unsigned b) {
  const auto larger = [](unsigned x, unsigned y) {
    return static_cast<int16_t>(x) < static_cast<int16_t>(y) ? y & 0xFFFF : x & 0xFFFF;
  };
  return larger(a >> 16, b >> 16) << 16 | larger(a, b);
}

using cudaStream_t = struct CUstream_st*;
enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInvalidResourceHandle = 400
};
enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount,
  cudaDevAttrMaxSharedMemoryPerBlockOptin,
  cudaDevAttrMaxSharedMemoryPerMultiprocessor
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize, cudaFuncAttributePreferredSharedMemoryCarveout };

// A launch that may begin before the kernel in front of it has ended. Here it does: see `synchronize` below.
enum cudaLaunchAttributeID { cudaLaunchAttributeProgrammaticStreamSerialization };
struct cudaLaunchAttribute {
  cudaLaunchAttributeID id{};
  struct {
    int programmaticStreamSerializationAllowed = 0;
  } val;
};

struct cudaLaunchConfig_t {
  dim3 gridDim;
  dim3 blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
  cudaLaunchAttribute* attrs = nullptr;
  unsigned numAttrs = 0;
};

inline void cudaTriggerProgrammaticLaunchCompletion() {}

inline void cudaGridDependencySynchronize() {
  const uint3 own = threadIdx;
  spp::cuda_host::Block::running->wait_for_earlier();
  threadIdx = own;
}

struct cudaFuncAttributes {
  int ptxVersion = 0;
  int binaryVersion = 0;
};

enum cudaStreamCaptureStatus { cudaStreamCaptureStatusNone, cudaStreamCaptureStatusActive };

const char* cudaGetErrorName(cudaError_t error);
const char* cudaGetErrorString(cudaError_t error);

// The first error since it was last asked for, which this forgets: an error that nobody asked for meets the next one.
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();

inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value);
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel);
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status);
cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream);

namespace spp::cuda_host {

// What a launch asked for, for tests that ask.
struct Launch {
  unsigned grid_x;
  unsigned grid_y;
  unsigned threads;
  size_t shared_bytes;
  int carve_out;  // per cent of a multiprocessor's shared memory; -1: the driver chooses
  bool early;     // may begin before the kernel in front of it has ended
};

// Of all launches since somebody cleared it.
std::vector<Launch>& launches();

// Enqueues `kernel`, which `body` is for one thread, as far as the device described by the settings would take the
// launch.
cudaError_t enqueue(const cudaLaunchConfig_t& config, const void* kernel, std::function<void()> body);

// Runs all that has been enqueued. A kernel that may begin early begins as early as any device could let it: its first
// block runs until all of its threads wait, or wait for each other, and only then does the kernel in front of it run.
// Throws std::runtime_error on what no kernel may do.
void synchronize();

// Makes a call's launches and runs them; none is left waiting where the call fails.
void run_call(const std::function<void()>& call);

}  // namespace spp::cuda_host

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               const Arguments&... arguments) {
  return spp::cuda_host::enqueue(*config, reinterpret_cast<const void*>(kernel),
                                 [kernel, arguments...] { kernel(arguments...); });
}
