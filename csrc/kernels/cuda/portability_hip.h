// The same names for HIP: see portability.h. Compiled by hipcc, and never run.
#pragma once

#include <hip/hip_runtime.h>

#define __grid_constant__

// HIP's second number is one of wavefronts; registers are plenty, and the compiler may choose.
#define SPP_LAUNCH_BOUNDS(threads, blocks) __launch_bounds__(threads)

// The runtime's names, as launch.h and spans.cu use them.
using cudaError_t = hipError_t;
using cudaStream_t = struct CUstream_st*;  // as callers name it: a hipStream_t
using cudaDeviceAttr = hipDeviceAttribute_t;
constexpr hipError_t cudaSuccess = hipSuccess;
constexpr auto cudaDevAttrMultiProcessorCount = hipDeviceAttributeMultiprocessorCount;
constexpr auto cudaDevAttrMaxSharedMemoryPerBlockOptin = hipDeviceAttributeMaxSharedMemoryPerBlock;
constexpr auto cudaDevAttrMaxSharedMemoryPerMultiprocessor = hipDeviceAttributeMaxSharedMemoryPerMultiprocessor;
constexpr auto cudaFuncAttributeMaxDynamicSharedMemorySize = hipFuncAttributeMaxDynamicSharedMemorySize;
constexpr auto cudaFuncAttributePreferredSharedMemoryCarveout = hipFuncAttributePreferredSharedMemoryCarveout;
using cudaFuncAttribute = hipFuncAttribute;
inline const char* cudaGetErrorString(hipError_t error) { return hipGetErrorString(error); }
inline const char* cudaGetErrorName(hipError_t error) { return hipGetErrorName(error); }
inline hipError_t cudaGetLastError() { return hipGetLastError(); }
inline hipError_t cudaGetDevice(int* device) { return hipGetDevice(device); }
inline hipError_t cudaDeviceGetAttribute(int* value, hipDeviceAttribute_t attribute, int device) {
  return hipDeviceGetAttribute(value, attribute, device);
}
inline hipError_t cudaFuncSetAttribute(const void* kernel, hipFuncAttribute attribute, int value) {
  return hipFuncSetAttribute(kernel, attribute, value);
}
inline hipError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  return hipMemsetAsync(memory, value, bytes, reinterpret_cast<hipStream_t>(stream));
}

struct cudaLaunchConfig_t {
  dim3 gridDim;
  dim3 blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

template <typename Args>
hipError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Args), const Args& args) {
  void* pointers[] = {const_cast<Args*>(&args)};
  return hipLaunchKernel(reinterpret_cast<const void*>(kernel), config->gridDim, config->blockDim, pointers,
                         config->dynamicSmemBytes, reinterpret_cast<hipStream_t>(config->stream));
}

namespace spp::cuda {

// Lanes of a wavefront run together: what is needed is that neither the compiler nor the memory moves accesses across.
__device__ inline void sync_warp() {
  __builtin_amdgcn_fence(__ATOMIC_ACQ_REL, "wavefront");
  __builtin_amdgcn_wave_barrier();
}

// A wavefront of 64 votes for two warps of 32: each takes its half.
__device__ inline unsigned ballot(bool vote) {
  const unsigned long long votes = __ballot(vote);
  return static_cast<unsigned>(warpSize == 64 ? votes >> (__lane_id() & 32) : votes);
}

__device__ inline bool any_lane(bool vote) { return ballot(vote) != 0; }

template <typename T>
__device__ T load_constant(const T* at) {
  return *at;
}

template <typename T>
__device__ T load_produced(const T* at) {
  return *at;
}

// Kernels begin one after the other.
__device__ inline void wait_for_earlier_kernels() {}
__device__ inline void let_next_kernel_begin() {}
inline hipError_t knows_early(const void*, bool& known) {
  known = false;
  return hipSuccess;
}
inline hipError_t is_captured(cudaStream_t, bool& captured) {
  captured = false;
  return hipSuccess;
}
struct LaunchAttribute {};
inline void begin_early(cudaLaunchConfig_t&, LaunchAttribute&) {}

template <typename T>
__device__ void store_streaming(T* at, T value) {
  if constexpr (sizeof(T) > 4) {  // a vector of HIP's, which the builtin does not know
    using Whole = unsigned __attribute__((ext_vector_type(sizeof(T) / 4)));
    Whole whole;
    __builtin_memcpy(&whole, &value, sizeof(T));
    __builtin_nontemporal_store(whole, reinterpret_cast<Whole*>(at));
  } else {
    __builtin_nontemporal_store(value, at);
  }
}

// One packed instruction, v_pk_max_i16.
__device__ inline unsigned larger_halves(unsigned a, unsigned b) {
  using Halves = short __attribute__((ext_vector_type(2)));
  return __builtin_bit_cast(unsigned,
                            __builtin_elementwise_max(__builtin_bit_cast(Halves, a), __builtin_bit_cast(Halves, b)));
}

}  // namespace spp::cuda
