// First step of forward where map slices are resident (resident.h): where each bin lies, once for all channels.
#pragma once

#include "../dispatch.h"
#include "../placement.h"
#include "divider.h"
#include "entry.h"
#include "launch.h"

namespace spp::cuda {

constexpr int64_t kMostResidentCells = UINT16_MAX;  // of a map: a cell has a number of 16 bits

// A bin on its map, and the table that serves it: the one of the largest squares that fit the bin.
struct alignas(8) BinSquares {
  uint16_t cell;    // the first one
  uint16_t height;  // 0: the bin has no cells
  uint16_t width;
  uint16_t table;  // of squares of 2^table x 2^table cells
};

struct PlaceBinsArgs {
  ForwardArgs forward;
  int32_t first[kMaxLevels];  // position of a level's bins among the records of a row; -1: none are kept for it
  int32_t doublings[kMaxMaps];
  int32_t per_row;
  BinSquares* bins;  // [R, per_row]; those of a bad row are left as they are
  int32_t* sources;  // [R]
};

constexpr int kPlaceBinsThreads = 128;

inline __device__ BinSquares squares_of(const Range& rows, const Range& columns, int32_t width, int32_t doublings) {
  if (rows.empty() || columns.empty()) return {0, 0, 0, 0};
  const int32_t table = smaller(31 - __clz(smaller(rows.size(), columns.size())), doublings);
  return {static_cast<uint16_t>(rows.begin * width + columns.begin), static_cast<uint16_t>(rows.size()),
          static_cast<uint16_t>(columns.size()), static_cast<uint16_t>(table)};
}

// A bad row belongs to no slice: here it gets its NaN, shared among its threads.
template <typename T, typename Index>
__device__ void fill_bad_row(const ForwardArgs& args, int64_t row, int32_t thread, int32_t threads) {
  const int64_t columns = args.channels * args.pyramid.bins;
  for (int64_t i = thread; i < columns; i += threads) {
    static_cast<T*>(args.output)[row * args.output_stride + i] = nan_of<T>();
    if constexpr (!std::is_same_v<Index, NoIndex>) {
      static_cast<Index*>(args.indices)[row * columns + i] = static_cast<Index>(kNoCell);
    }
  }
}

// One thread a bin of the levels that read the map.
template <typename T, typename Index>
__global__ void __launch_bounds__(kPlaceBinsThreads) place_bins(const __grid_constant__ PlaceBinsArgs args) {
  const ForwardArgs& forward = args.forward;
  const int64_t total = forward.boxes.count * args.per_row;
  const int64_t step = int64_t{gridDim.x} * kPlaceBinsThreads;
  for (int64_t i = int64_t{blockIdx.x} * kPlaceBinsThreads + threadIdx.x; i < total; i += step) {
    const int64_t r = i / args.per_row;
    const int32_t number = static_cast<int32_t>(i - r * args.per_row);
    const Placement place = place_row(forward, r);
    if (number == 0) args.sources[r] = place.bad() ? kBadRow : place.map * forward.images + place.image;
    if (place.bad()) {
      fill_bad_row<T, Index>(forward, r, number, args.per_row);
      continue;
    }
    const FeatureMap& map = forward.maps[place.map];
    for (int32_t l = 0; l < forward.pyramid.count; ++l) {
      const Level& level = forward.pyramid.levels[l];
      const int32_t bin = number - args.first[l];
      if (args.first[l] < 0 || bin < 0 || bin >= level.bins()) continue;
      const int32_t row = bin / level.columns;
      const Range rows = bin_range(place.window.y, place.window.height, level.rows, row, map.height);
      const Range columns =
          bin_range(place.window.x, place.window.width, level.columns, bin - row * level.columns, map.width);
      args.bins[i] = squares_of(rows, columns, map.width, args.doublings[place.map]);
    }
  }
}

}  // namespace spp::cuda
