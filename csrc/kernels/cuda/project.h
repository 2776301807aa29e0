// First step of forward: where each row's window is and where the bins lie in it, once for all channels.
#pragma once

#include "../roi.h"
#include "bin_edges.h"
#include "launch.h"

namespace spp::cuda {

// The edges of a row's bins: for each level that reads the map, its ranges of rows, then its ranges of columns.
struct RangeLayout {
  int32_t first[kMaxLevels];  // position of a level's ranges among those of a row; -1: none are kept for it
  int32_t per_row;
};

struct ProjectArgs {
  ForwardArgs forward;
  RangeLayout layout;
  LevelEdges edges[kMaxLevels];
  RowItems items;    // a range each
  Range* ranges;     // [R, per_row]; those of a bad row are left as they are
  int32_t* sources;  // [R]
};

constexpr int kProjectThreads = 128;

// One thread a range: the exact divisions of bin_range take longer than the projection they start from.
__global__ void __launch_bounds__(kProjectThreads) project_rows(const __grid_constant__ ProjectArgs args) {
  const ForwardArgs& forward = args.forward;
  const int64_t total = args.items.total();
  const int64_t step = int64_t{gridDim.x} * kProjectThreads;
  for (int64_t i = int64_t{blockIdx.x} * kProjectThreads + threadIdx.x; i < total; i += step) {
    const int64_t r = args.items.row(i);
    const int32_t number = args.items.item(i, r);
    const Roi roi = project_row(forward, r);
    if (number == 0) args.sources[r] = roi.bad() ? kBadRow : roi.map * forward.images + roi.image;
    if (roi.bad()) continue;
    const FeatureMap& map = forward.maps[roi.map];
    for (int32_t l = 0; l < forward.pyramid.count; ++l) {
      const Level& level = forward.pyramid.levels[l];
      const int32_t index = number - args.layout.first[l];
      if (args.layout.first[l] < 0 || index < 0 || index >= level.rows + level.columns) continue;
      const LevelEdges& edges = args.edges[l];
      args.ranges[i] = index < level.rows
                           ? edges.rows(roi.window.y, roi.window.height, index, map.height)
                           : edges.columns(roi.window.x, roi.window.width, index - level.rows, map.width);
    }
  }
}

}  // namespace spp::cuda
