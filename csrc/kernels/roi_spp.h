// What both back ends implement: forward, backward (scatter) and gather. Pointers, sizes and plain structs; no torch.
//
// Layouts. A pooled row holds the levels in the order given, each (channel, row, column): column
// `C * first_bin + channel * level.bins() + bin` of the row is one bin of one channel. Indices have the layout of the
// output and name the winning cell, y * width + x, of the map that served the window; kNoCell marks an empty bin.
#pragma once

#include "pyramid.h"
#include "window.h"

namespace spp {

enum class DataType : int32_t { kFloat32 = 0, kFloat64 = 1, kFloat16 = 2, kBFloat16 = 3 };

// 16-bit indices serve maps of up to 65,535 cells; both types store -1 (all bits set) for an empty bin.
enum class IndexType : int32_t { kUInt16 = 0, kInt32 = 1 };
constexpr int64_t kMaxCells16 = 65535;
constexpr int32_t kNoCell = -1;

constexpr int32_t kBadRow = -1;  // in `sources`: a row with NaN, inf, or an image or map that is not there

// Features [N, C, H, W] of one image scale; strides in elements, any of them.
struct FeatureMap {
  const void* data;
  int64_t image_stride;
  int64_t channel_stride;
  int64_t row_stride;
  int64_t column_stride;
  int32_t height;
  int32_t width;
  Projection projection;
};

struct Boxes {
  const void* data;  // [R, 5]: image, x1, y1, x2, y2
  DataType type;
  int64_t row_stride;
  int64_t column_stride;
  const int64_t* map_index;  // [R], or null: the nearest area decides
  double target_area;
  int64_t count;  // R
};

struct ForwardArgs {
  FeatureMap maps[kMaxMaps];
  int32_t map_count;
  int32_t images;    // N
  int64_t channels;  // C
  DataType type;
  Boxes boxes;
  Pyramid pyramid;
  void* output;           // [R, C * M], rows contiguous
  int64_t output_stride;  // from row to row, in elements
  void* indices;          // [R, C * M] contiguous, or null
  IndexType index_type;
  int32_t* sources;  // [R] map * N + image, or kBadRow; null if not wanted
};

// Gradient of the maps: grad_maps[m] (dense [N, C, H, W], or [N, H, W, C] if channels_last, written whole) +=
// grad_output where the indices point.
struct BackwardArgs {
  const void* grad_output;  // [R, C * M], any strides
  int64_t grad_row_stride;
  int64_t grad_column_stride;
  const void* indices;
  IndexType index_type;
  const int32_t* sources;
  int64_t count;
  Pyramid pyramid;
  void* grad_maps[kMaxMaps];
  bool channels_last[kMaxMaps];
  int32_t heights[kMaxMaps];
  int32_t widths[kMaxMaps];
  int32_t map_count;
  int32_t images;
  int64_t channels;
  DataType type;
  bool deterministic;  // the CPU always is
};

// The transpose of backward: output[r, ...] = maps[...] at the indices; 0 for an empty bin and a bad row.
struct GatherArgs {
  FeatureMap maps[kMaxMaps];  // projections unused
  int32_t map_count;
  int32_t images;
  int64_t channels;
  DataType type;
  const void* indices;
  IndexType index_type;
  const int32_t* sources;
  int64_t count;
  Pyramid pyramid;
  void* output;  // [R, C * M] contiguous
};

}  // namespace spp
