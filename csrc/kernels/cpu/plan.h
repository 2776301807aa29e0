// What the forward kernel does with each window, worked out once for all channels: where its bins lie, which windows
// share a map, and whether bins are read cell by cell or from range-maximum tables.
#pragma once

#include <cstddef>
#include <vector>

#include "../roi.h"
#include "parallel.h"
#include "table_sizes.h"

namespace spp::cpu {

// One bin along one axis. Read cell by cell: the half-open range of its positions. Read from tables: the offsets, in
// cells, of the two entries that cover it. An empty bin has first == kEmptySpan.
struct Span {
  int32_t first;
  int32_t second;
};
constexpr int32_t kEmptySpan = -1;

// The windows of one map of one image.
struct Group {
  int32_t map;
  int32_t image;
  int64_t begin;  // range in Plan::order
  int64_t end;
  TableSizes tables;
};

struct Plan {
  std::vector<int32_t> sources;   // [R] map * N + image
  std::vector<char> has_empty;    // [R] whether any of the window's spans is empty
  std::vector<int64_t> order;     // window numbers, grouped
  std::vector<char> from_tables;  // [R], in that order: whether the window's bins are read from tables
  std::vector<Span> spans;        // [R][spans_per_window], in that order: for each level read from the map, columns and
                                  // then rows
  std::vector<Group> groups;
  int32_t spans_per_window = 0;
  int64_t bad_row = -1;
};

Plan make_plan(const ForwardArgs& args, const Parallel& parallel, Reading reading);

}  // namespace spp::cpu
