// What the forward kernel does with each window, worked out once for all channels: where its bins lie, which windows
// share packed cells, and whether bins are read cell by cell or from range-maximum tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../roi.h"
#include "parallel.h"
#include "table_sizes.h"

namespace spp::cpu {

// One bin along one axis. Read cell by cell: the half-open range of its positions. Read from tables: the offsets, in
// cells, of the two entries that cover it. Both count from the packed region's first cell. An empty bin has first ==
// kEmptySpan.
struct Span {
  int32_t first;
  int32_t second;
};
constexpr int32_t kEmptySpan = -1;

// Cells of a map, all inside it.
struct Region {
  int32_t x = 0;
  int32_t y = 0;
  int32_t width = 0;
  int32_t height = 0;

  int64_t cells() const { return static_cast<int64_t>(width) * height; }
};

// The windows of one map of one image. Where they overlap much, the region that holds them all is packed once a block
// of channels; few windows on a large map are packed one by one, each with its own region.
struct Group {
  int32_t map;
  int32_t image;
  int64_t begin;  // range in Plan::order
  int64_t end;
  bool shared;
  Region region;  // of all windows
  TableSizes tables;
};

struct Plan {
  std::vector<int32_t> sources;   // [R] map * N + image
  std::vector<char> has_empty;    // [R] whether any of the window's spans is empty
  std::vector<int64_t> order;     // window numbers, grouped
  std::vector<char> from_tables;  // [R], in that order: whether the window's bins are read from tables
  std::vector<Region> regions;    // [R], in that order: the window's own region
  std::vector<Span> spans;        // [R][spans_per_window], in that order: for each level read from the map, columns and
                                  // then rows
  std::vector<Group> groups;
  int32_t spans_per_window = 0;
  int64_t bad_row = -1;
  int64_t packed_cells = 0;  // of all regions that are packed
};

// Bytes that a worker packs at most at once, whatever the map, tables included. Windows whose region takes more are
// packed one by one, and a large one in tiles.
constexpr int64_t kMostPackedBytes = int64_t{16} << 20;
constexpr int64_t kTileBytes = int64_t{256} << 10;

Plan make_plan(const ForwardArgs& args, const Parallel& parallel, Reading reading);

}  // namespace spp::cpu
