// First step of forward: where each row's window is and where the bins lie in it, once for all channels.
#pragma once

#include "../placement.h"
#include "launch.h"

namespace spp::cuda {

// The edges of a row's bins: for each level that reads the map, its ranges of rows, then its ranges of columns.
struct RangeLayout {
  int32_t first[kMaxLevels];  // position of a level's ranges among those of a row; -1: none are kept for it
  int32_t per_row;
};

struct PlaceArgs {
  ForwardArgs forward;
  RangeLayout layout;
  Range* ranges;     // [R, per_row]; those of a bad row are left as they are
  int32_t* sources;  // [R]
};

constexpr int kPlaceThreads = 128;

// One thread a range: the exact divisions of bin_range take longer than the projection they start from.
__global__ void __launch_bounds__(kPlaceThreads) place_rows(const __grid_constant__ PlaceArgs args) {
  const ForwardArgs& forward = args.forward;
  const int64_t total = forward.boxes.count * args.layout.per_row;
  const int64_t step = int64_t{gridDim.x} * kPlaceThreads;
  for (int64_t i = int64_t{blockIdx.x} * kPlaceThreads + threadIdx.x; i < total; i += step) {
    const int64_t r = i / args.layout.per_row;
    const int32_t number = static_cast<int32_t>(i - r * args.layout.per_row);
    const Placement place = place_row(forward, r);
    if (number == 0) args.sources[r] = place.bad() ? kBadRow : place.map * forward.images + place.image;
    if (place.bad()) continue;
    const FeatureMap& map = forward.maps[place.map];
    for (int32_t l = 0; l < forward.pyramid.count; ++l) {
      const Level& level = forward.pyramid.levels[l];
      const int32_t index = number - args.layout.first[l];
      if (args.layout.first[l] < 0 || index < 0 || index >= level.rows + level.columns) continue;
      args.ranges[i] =
          index < level.rows
              ? bin_range(place.window.y, place.window.height, level.rows, index, map.height)
              : bin_range(place.window.x, place.window.width, level.columns, index - level.rows, map.width);
    }
  }
}

}  // namespace spp::cuda
