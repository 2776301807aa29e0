// The pyramid: which levels there are, where their bins lie in a window, which level follows from which.
//
// Bin i of n over an extent e covers [floor(i*e/n), ceil((i+1)*e/n)) (paper, section 2.2). Everything is in integers,
// so every back end and the reference agree on every edge.
#pragma once

#include "portable.h"

namespace spp {

// Half-open range of cells along one axis; empty where end <= begin.
struct Range {
  int32_t begin;
  int32_t end;

  SPP_HOST_DEVICE bool empty() const { return end <= begin; }
  SPP_HOST_DEVICE int32_t size() const { return end - begin; }
};

// Bin `index` of `bins` over the `extent` cells from `low`, clipped to the `limit` cells a map has along this axis.
// `low` may be negative and `low + extent` may pass the map's edge: what lies outside belongs to no bin. `divide`
// divides by `bins` what is not negative, in integers of the type Whole.
template <typename Whole, typename Divide>
SPP_HOST_DEVICE inline Range bin_range_with(int64_t low, Whole extent, int32_t bins, Whole index, int32_t limit,
                                            const Divide& divide) {
  const int64_t begin = low + divide(index * extent);
  const int64_t end = low + divide((index + 1) * extent + bins - 1);
  return {static_cast<int32_t>(clamp<int64_t>(begin, 0, limit)), static_cast<int32_t>(clamp<int64_t>(end, 0, limit))};
}

SPP_HOST_DEVICE inline Range bin_range(int64_t low, int64_t extent, int32_t bins, int32_t index, int32_t limit) {
  return bin_range_with<int64_t>(low, extent, bins, index, limit, [bins](int64_t number) { return number / bins; });
}

struct Level {
  int32_t rows;
  int32_t columns;
  int32_t first_bin;       // position of the level's first bin among all bins of the pyramid
  int32_t source;          // the finer level this one is merged from, or -1: its bins are read from the map
  int32_t merged_rows;     // how many of the source's bins make one of this level's, down
  int32_t merged_columns;  // and across

  SPP_HOST_DEVICE int32_t bins() const { return rows * columns; }
};

struct Pyramid {
  Level levels[kMaxLevels];
  int32_t order[kMaxLevels];  // level numbers in an order in which every source comes before what follows from it
  int32_t count;
  int32_t bins;  // of all levels together
};

// The levels whose bins are read from the map, finest first.
template <typename Visit>
void for_levels_from_map(const Pyramid& pyramid, const Visit& visit) {
  for (int32_t i = 0; i < pyramid.count; ++i) {
    const Level& level = pyramid.levels[pyramid.order[i]];
    if (level.source < 0) visit(level);
  }
}

// `rows_and_columns` holds `count` pairs; 1 <= count <= kMaxLevels and every number is positive (callers check).
inline Pyramid make_pyramid(const int64_t* rows_and_columns, int32_t count) {
  Pyramid pyramid{};
  pyramid.count = count;
  for (int32_t l = 0; l < count; ++l) {
    pyramid.levels[l] = {static_cast<int32_t>(rows_and_columns[2 * l]),
                         static_cast<int32_t>(rows_and_columns[2 * l + 1]),
                         pyramid.bins,
                         -1,
                         1,
                         1};
    pyramid.bins += pyramid.levels[l].bins();
    // Insertion sort, finest first; equal levels keep their order.
    int32_t at = l;
    for (; at > 0 && pyramid.levels[pyramid.order[at - 1]].bins() < pyramid.levels[l].bins(); --at) {
      pyramid.order[at] = pyramid.order[at - 1];
    }
    pyramid.order[at] = l;
  }
  // The cheapest source of a level is the coarsest level that it divides.
  for (int32_t i = 1; i < count; ++i) {
    Level& level = pyramid.levels[pyramid.order[i]];
    for (int32_t j = i - 1; j >= 0 && level.source < 0; --j) {
      const Level& finer = pyramid.levels[pyramid.order[j]];
      if (finer.rows % level.rows != 0 || finer.columns % level.columns != 0) continue;
      level.source = pyramid.order[j];
      level.merged_rows = finer.rows / level.rows;
      level.merged_columns = finer.columns / level.columns;
    }
  }
  return pyramid;
}

}  // namespace spp
