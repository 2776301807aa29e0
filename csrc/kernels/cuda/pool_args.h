// How the third step of forward goes about its work: who takes what, and what a launch is told.
//
// One warp takes one window and one chunk of channels. Eight lanes together read 256 bytes of channels of one cell, and
// the four groups of eight lanes work on four bins of a level at a time, so that all reading is in whole lines. Bins
// are collected in shared memory, [bin, channel].
#pragma once

#include "divider.h"
#include "project.h"
#include "shared.h"

namespace spp::cuda {

constexpr int kLanes = 8;                    // of a group
constexpr int kGroups = kWarpSize / kLanes;  // bins worked on at a time
constexpr int kLaneVectors = 2;              // of 16 bytes, that a lane takes of a cell
constexpr int kChunkVectors = kLanes * kLaneVectors;
// From bin to bin in shared memory. One vector more than a chunk keeps both ways free of bank conflicts, and says where
// the bin lies while it is being read.
constexpr int kPitch = kChunkVectors + 1;
constexpr int kPoolWarps = 2;
constexpr int kPoolBlocks = 8;  // on a multiprocessor; 50 bins let 8 share its memory

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
  int32_t buffer_bins;  // bins the shared memory of a warp holds: all of them, or one run of bins at a time
  void* output;
  int64_t output_stride;
  void* indices;
};

inline size_t pool_shared_bytes(int32_t buffer_bins) {
  return kPoolWarps * shared_bytes_of<uint4>(int64_t{buffer_bins} * kPitch);
}

}  // namespace spp::cuda
