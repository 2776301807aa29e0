// What the kernels need of the language beyond C++: the few intrinsics by name, for CUDA and for HIP.
//
// Kernels know warps of 32 lanes. On AMD processors with wavefronts of 64, a wavefront holds two of them, which may
// go different ways.
#pragma once

#if defined(__HIP__)
#include "portability_hip.h"
#else

#include <cuda_runtime.h>

// Threads of a block, and how many blocks are to share a multiprocessor, registers permitting.
#define SPP_LAUNCH_BOUNDS(threads, blocks) __launch_bounds__(threads, blocks)

namespace spp::cuda {

constexpr unsigned kAllLanes = 0xFFFFFFFF;

// What the warp's lanes wrote to shared memory before is there for all of them after.
__device__ inline void sync_warp() { __syncwarp(); }

// A bit a lane of the warp.
__device__ inline unsigned ballot(bool vote) { return __ballot_sync(kAllLanes, vote); }
__device__ inline bool any_lane(bool vote) { return __any_sync(kAllLanes, vote) != 0; }

// What no kernel of this launch writes.
template <typename T>
__device__ T load_constant(const T* at) {
  return __ldg(at);
}

// What the kernel before has written: never by way of the cache for constants, which might hold what was there before
// this kernel, begun early, waited for it.
template <typename T>
__device__ T load_produced(const T* at) {
  return __ldca(at);
}

// What is not read again soon: to leave the caches before other data does.
template <typename T>
__device__ void store_streaming(T* at, T value) {
  __stcs(at, value);
}

// The larger of two signed 16-bit numbers, twice.
__device__ inline unsigned larger_halves(unsigned a, unsigned b) { return __vmaxs2(a, b); }

// A kernel launched to begin early runs beside the end of the one before it in the stream, up to this line; what that
// one has written is there after it. All threads of such a kernel come here. Processors and code before sm_90 know
// nothing of it: there kernels begin one after the other.
__device__ inline void wait_for_earlier_kernels() {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();
#endif
}

// From here on the next kernel may begin, if it was launched to begin early, once all blocks of this one have come
// here.
__device__ inline void let_next_kernel_begin() {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  cudaTriggerProgrammaticLaunchCompletion();
#endif
}

constexpr int kEarlyVersion = 90;  // of processors, and of the code for them

// Whether a kernel's code on this device waits for the kernel before: code that was compiled for older processors and
// translated for a newer one does not.
inline cudaError_t knows_early(const void* kernel, bool& known) {
  cudaFuncAttributes attributes{};
  const cudaError_t error = cudaFuncGetAttributes(&attributes, kernel);
  known = error == cudaSuccess && attributes.ptxVersion >= kEarlyVersion && attributes.binaryVersion >= kEarlyVersion;
  return error;
}

// In a graph kernels follow each other fast enough, and older drivers capture no such launch.
inline cudaError_t is_captured(cudaStream_t stream, bool& captured) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  const cudaError_t error = cudaStreamIsCapturing(stream, &status);
  captured = status != cudaStreamCaptureStatusNone;
  return error;
}

using LaunchAttribute = cudaLaunchAttribute;

inline void begin_early(cudaLaunchConfig_t& config, LaunchAttribute& attribute) {
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  config.attrs = &attribute;
  config.numAttrs = 1;
}

}  // namespace spp::cuda

#endif

namespace spp::cuda {

constexpr int kWarpSize = 32;

}  // namespace spp::cuda
