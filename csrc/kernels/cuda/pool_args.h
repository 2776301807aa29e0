// How the third step of forward goes about its work: who takes what, and what a launch is told.
//
// A team takes one window and one chunk of channels: one warp, or all warps of a block where windows are few. Eight
// lanes together read 256 bytes of channels of one cell, and each group of eight lanes works on one bin of a level at a
// time, so that all reading is in whole lines. Bins are collected in shared memory, [bin, channel].
#pragma once

#include "divider.h"
#include "project.h"
#include "shared.h"

namespace spp::cuda {

constexpr int kLanes = 8;        // of a group
constexpr int kLaneVectors = 2;  // of 16 bytes, that a lane takes of a cell
constexpr int kChunkVectors = kLanes * kLaneVectors;
// From bin to bin in shared memory. One vector more than a chunk keeps both ways free of bank conflicts, and says where
// the bin lies while it is being read.
constexpr int kPitch = kChunkVectors + 1;
constexpr int kPairWarps = 2;   // of a block whose warps work alone
constexpr int kPairBlocks = 8;  // of these on a multiprocessor; 50 bins let 8 share its memory
constexpr int kPoolWarps = 8;   // of a block that is one team
constexpr int kPoolBlocks = 2;
static_assert(kPairWarps * kPairBlocks == kPoolWarps * kPoolBlocks);

// Tables lie [table, image, cell, channel].
struct PoolMap {
  const void* tables;
  int64_t table_bytes;
  int64_t image_bytes;
  uint32_t width;
};

struct PoolLevel {
  Divider columns;  // bin number -> row
  Divider across;   // item of the way out -> vector of channels
  int32_t across_width;
  bool pairs;  // bins can leave two by two
};

struct PoolArgs {
  PoolMap maps[kMaxMaps];
  PoolLevel levels[kMaxLevels];
  Pyramid pyramid;
  RangeLayout layout;
  const Range* ranges;
  const int32_t* sources;
  int64_t rows;
  int64_t channels;
  int64_t vectors;
  int32_t images;
  Divider map_of;       // source -> map
  uint32_t cell_bytes;  // of all channels
  int32_t doublings;
  int32_t buffer_bins;  // bins the shared memory of a team holds: all of them, or one run of bins at a time
  int32_t team_warps;   // 1, or kPoolWarps
  void* output;
  int64_t output_stride;
  void* indices;
};

// A thread's place in its team.
class Team {
 public:
  __device__ explicit Team(int32_t warps)
      : warps_(warps), thread_(static_cast<int32_t>(threadIdx.x) % (warps * kWarpSize)) {}

  __device__ int32_t thread() const { return thread_; }
  __device__ int32_t threads() const { return warps_ * kWarpSize; }
  __device__ int32_t group() const { return thread_ / kLanes; }  // which of the bins worked on
  __device__ int32_t groups() const { return warps_ * (kWarpSize / kLanes); }
  __device__ int32_t lane() const { return thread_ % kLanes; }
  __device__ bool alone() const { return warps_ == 1; }
  __device__ void sync() const {
    if (alone()) {
      sync_warp();
    } else {
      __syncthreads();
    }
  }

 private:
  int32_t warps_;
  int32_t thread_;
};

inline int32_t teams_of_block(int32_t team_warps) { return team_warps == 1 ? kPairWarps : 1; }

inline size_t pool_shared_bytes(int32_t buffer_bins, int32_t team_warps) {
  return teams_of_block(team_warps) * shared_bytes_of<uint4>(int64_t{buffer_bins} * kPitch);
}

}  // namespace spp::cuda
