// Where each row's window is and where the bins lie in it, once for all channels: half of the first step of forward
// (prepare.h).
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
  LevelDividers dividers[kMaxLevels];
  RowItems items;    // a range each
  Range* ranges;     // [R, per_row]; those of a bad row are left as they are
  int32_t* sources;  // [R]
};

// One thread a range, the i-th of args.items: the divisions take longer than the projection they start from.
__device__ inline void place_row(const ProjectArgs& args, int64_t i) {
  const ForwardArgs& forward = args.forward;
  const int64_t r = args.items.row(i);
  const int32_t number = args.items.item(i, r);
  const Roi roi = project_row(forward, r);
  if (number == 0) args.sources[r] = source_of(roi, forward);
  if (roi.bad()) return;
  const FeatureMap& map = forward.maps[roi.map];
  const Window& window = roi.window;
  for (int32_t l = 0; l < forward.pyramid.count; ++l) {
    const Level& level = forward.pyramid.levels[l];
    const int32_t index = number - args.layout.first[l];
    if (args.layout.first[l] < 0 || index < 0 || index >= level.rows + level.columns) continue;
    const LevelDividers& by = args.dividers[l];
    args.ranges[i] = index < level.rows ? bin_range_by(by.rows, window.y, window.height, level.rows, index, map.height)
                                        : bin_range_by(by.columns, window.x, window.width, level.columns,
                                                       index - level.rows, map.width);
  }
}

}  // namespace spp::cuda
