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

// What is not read again soon: to leave the caches before other data does.
template <typename T>
__device__ void store_streaming(T* at, T value) {
  __stcs(at, value);
}

// The larger of two signed 16-bit numbers, twice.
__device__ inline unsigned larger_halves(unsigned a, unsigned b) { return __vmaxs2(a, b); }

}  // namespace spp::cuda

#endif

namespace spp::cuda {

constexpr int kWarpSize = 32;

}  // namespace spp::cuda
