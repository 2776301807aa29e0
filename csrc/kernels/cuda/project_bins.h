// First step of forward where map slices are resident (resident.h): where each bin lies, once for all channels.
#pragma once

#include "../roi.h"
#include "bin_edges.h"
#include "entry.h"
#include "launch.h"
#include "spans.h"

namespace spp::cuda {

constexpr int64_t kMostResidentCells = UINT16_MAX;  // of a map: a cell has a number of 16 bits

// How a bin is covered by squares of the tables. Where four of the largest that fit it do, as they mostly do: the place
// of the first one in the tables, and how far down and right the others are. Else the bin itself: its first cell, its
// sides, and its table. `corner` tells them apart by its sign.
struct alignas(8) BinSquares {
  int32_t corner;
  uint16_t down;   // in cells, or the height of the bin
  uint16_t right;  // or its width

  static constexpr int32_t kEmpty = INT32_MIN;  // a bin without cells
  static constexpr int kCellBits = 16;

  __device__ static BinSquares four(int32_t corner, int32_t down, int32_t right) {
    return {corner, static_cast<uint16_t>(down), static_cast<uint16_t>(right)};
  }
  __device__ static BinSquares of_bin(int32_t cell, int32_t table, int32_t height, int32_t width) {
    return {~(table << kCellBits | cell), static_cast<uint16_t>(height), static_cast<uint16_t>(width)};
  }

  __device__ bool is_four() const { return corner >= 0; }
  __device__ bool empty() const { return corner == kEmpty; }
  __device__ int32_t cell() const { return ~corner & ((1 << kCellBits) - 1); }
  __device__ int32_t table() const { return ~corner >> kCellBits; }
};

struct ProjectBinsArgs {
  ForwardArgs forward;
  int32_t first[kMaxLevels];  // position of a level's bins among the records of a row; -1: none are kept for it
  int32_t doublings[kMaxMaps];
  LevelDividers dividers[kMaxLevels];
  RowItems items;    // a record each
  BinSquares* bins;  // [R, per_row]; those of a bad row are left as they are
  int32_t* sources;  // [R]
  uint64_t* spans;   // see spans.h
};

constexpr int kProjectBinsThreads = 128;

__device__ inline BinSquares squares_of(const Range& rows, const Range& columns, const FeatureMap& map,
                                        int32_t doublings) {
  const int32_t height = rows.size();
  const int32_t width = columns.size();
  if (height <= 0 || width <= 0) return {BinSquares::kEmpty, 0, 0};
  const int32_t table = smaller(31 - __clz(smaller(height, width)), doublings);
  const int32_t side = 1 << table;
  const int32_t cell = rows.begin * map.width + columns.begin;
  if (height > 2 * side || width > 2 * side) return BinSquares::of_bin(cell, table, height, width);
  return BinSquares::four(table * map.height * map.width + cell, (height - side) * map.width, width - side);
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
__global__ void __launch_bounds__(kProjectBinsThreads) project_bins(const __grid_constant__ ProjectBinsArgs args) {
  let_next_kernel_begin();
  const ForwardArgs& forward = args.forward;
  const int64_t total = args.items.total();
  const int64_t step = int64_t{gridDim.x} * kProjectBinsThreads;
  for (int64_t i = int64_t{blockIdx.x} * kProjectBinsThreads + threadIdx.x; i < total; i += step) {
    const int64_t r = args.items.row(i);
    const int32_t number = args.items.item(i, r);
    const Roi roi = project_row(forward, r);
    if (number == 0) {
      const int32_t source = source_of(roi, forward);
      args.sources[r] = source;
      if (args.spans != nullptr && source != kBadRow) {
        note_span(args.spans, source, r, forward.boxes.count,
                  [&](int64_t other) { return source_of(project_row(forward, other), forward); });
      }
    }
    if (roi.bad()) {
      fill_bad_row<T, Index>(forward, r, number, args.items.per_row());
      continue;
    }
    const FeatureMap& map = forward.maps[roi.map];
    for (int32_t l = 0; l < forward.pyramid.count; ++l) {
      const Level& level = forward.pyramid.levels[l];
      const int32_t bin = number - args.first[l];
      if (args.first[l] < 0 || bin < 0 || bin >= level.bins()) continue;
      const LevelDividers& by = args.dividers[l];
      const int32_t row = by.columns(bin);
      const int32_t column = bin - row * level.columns;
      const Window& window = roi.window;
      const Range rows = bin_range_by(by.rows, window.y, window.height, level.rows, row, map.height);
      const Range columns = bin_range_by(by.columns, window.x, window.width, level.columns, column, map.width);
      args.bins[i] = squares_of(rows, columns, map, args.doublings[roi.map]);
    }
  }
}

}  // namespace spp::cuda
