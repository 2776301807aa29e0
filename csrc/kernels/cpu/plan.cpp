#include "plan.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace spp::cpu {
namespace {

// Sizes of a window's bins along one axis; empty bins have none.
struct BinSizes {
  int32_t smallest = std::numeric_limits<int32_t>::max();
  int32_t largest = 0;
};

struct WindowCost {
  double cells = 0;  // reads when the bins are read cell by cell
  BinSizes widths;
  BinSizes heights;
  Region region;
};

// At least as many bytes as a packed position takes (see lanes-inl.h).
int64_t position_bytes(const ForwardArgs& args) {
  const int64_t keys = args.type == DataType::kFloat64 ? 128 : 64;
  return args.indices == nullptr                                           ? keys
         : size_of(args.type) == 2 && args.index_type == IndexType::kInt32 ? 256
                                                                           : 2 * keys;
}

// The smallest region that holds both.
Region join(const Region& a, const Region& b) {
  if (a.cells() == 0) return b;
  if (b.cells() == 0) return a;
  const int32_t x = smaller(a.x, b.x), y = smaller(a.y, b.y);
  return {x, y, larger(a.x + a.width, b.x + b.width) - x, larger(a.y + a.height, b.y + b.height) - y};
}

// Spans of one axis; returns the sum of their sizes and adds them to `sizes`.
int64_t lay_axis(int64_t low, int64_t extent, int32_t bins, int32_t limit, Span* spans, BinSizes& sizes,
                 char& has_empty) {
  int64_t sum = 0;
  for (int32_t i = 0; i < bins; ++i) {
    const Range range = bin_range(low, extent, bins, i, limit);
    if (range.empty()) {
      spans[i] = {kEmptySpan, kEmptySpan};
      has_empty = 1;
    } else {
      spans[i] = {range.begin, range.end};
      sum += range.size();
      sizes.smallest = smaller(sizes.smallest, range.size());
      sizes.largest = larger(sizes.largest, range.size());
    }
  }
  return sum;
}

WindowCost lay_window(const Window& window, const FeatureMap& map, const Pyramid& pyramid, Span* spans,
                      char& has_empty) {
  WindowCost cost;
  const Range across = bin_range(window.x, window.width, 1, 0, map.width);
  const Range down = bin_range(window.y, window.height, 1, 0, map.height);
  if (!across.empty() && !down.empty()) cost.region = {across.begin, down.begin, across.size(), down.size()};
  for_levels_from_map(pyramid, [&](const Level& level) {
    const int64_t columns = lay_axis(window.x, window.width, level.columns, map.width, spans, cost.widths, has_empty);
    const int64_t rows =
        lay_axis(window.y, window.height, level.rows, map.height, spans + level.columns, cost.heights, has_empty);
    cost.cells += static_cast<double>(columns) * static_cast<double>(rows);
    spans += level.columns + level.rows;
  });
  return cost;
}

// Positions in the map -> positions in a region.
void shift_spans(const Region& region, const Pyramid& pyramid, Span* spans) {
  const auto shift = [&spans](int32_t count, int32_t by) {
    for (int32_t i = 0; i < count; ++i, ++spans) {
      if (spans->first != kEmptySpan) *spans = {spans->first - by, spans->second - by};
    }
  };
  for_levels_from_map(pyramid, [&](const Level& level) {
    shift(level.columns, region.x);
    shift(level.rows, region.y);
  });
}

// Range -> offsets of the two table entries that cover it. `table_cells`: from the table of one size to that of the
// next.
void point_into_tables(Span& span, const LogRange& logs, int64_t table_cells, int64_t step) {
  if (span.first == kEmptySpan) return;
  const int32_t log = smaller(floor_log2(span.second - span.first), logs.last);
  const int64_t table = (log - logs.first) * table_cells;
  const int64_t last = span.second - (1 << log);
  span = {static_cast<int32_t>(table + span.first * step), static_cast<int32_t>(table + last * step)};
}

void point_window_into_tables(const TableSizes& tables, const Region& region, const Pyramid& pyramid, Span* spans) {
  const int64_t cells = region.cells();
  const int32_t before = static_cast<int32_t>(tables.first_slot() * cells);
  for_levels_from_map(pyramid, [&](const Level& level) {
    for (int32_t i = 0; i < level.columns; ++i) point_into_tables(*spans++, tables.widths, cells, 1);
    for (int32_t i = 0; i < level.rows; ++i, ++spans) {
      point_into_tables(*spans, tables.heights, cells * tables.widths.count(), region.width);
      if (spans->first != kEmptySpan) *spans = {spans->first + before, spans->second + before};
    }
  });
}

Demand demand_of(const WindowCost& cost, int64_t bins, Reading reading) {
  return {{wanted_logs(cost.widths.smallest, cost.widths.largest),
           wanted_logs(cost.heights.smallest, cost.heights.largest)},
          reading == Reading::kTables ? 1 : saved_by_tables(bins, cost.cells)};
}

// What those windows of a group that gain from tables want of them.
std::vector<Demand> demands_of(const Group& group, const Plan& plan, const std::vector<Demand>& of_windows) {
  std::vector<Demand> demands;
  for (int64_t i = group.begin; i < group.end; ++i) {
    const Demand& one = of_windows[static_cast<size_t>(plan.order[static_cast<size_t>(i)])];
    if (one.saved <= 0) continue;
    const auto same =
        std::find_if(demands.begin(), demands.end(), [&](const Demand& demand) { return demand.sizes == one.sizes; });
    if (same == demands.end()) {
      demands.push_back(one);
    } else {
      same->saved += one.saved;
    }
  }
  return demands;
}

// Orders the windows by source; those of a source stay in their order, and so does the output they write.
void group_windows(const ForwardArgs& args, Plan& plan) {
  const auto source_of = [&](int64_t r) { return plan.sources[static_cast<size_t>(r)]; };
  plan.order.resize(plan.sources.size());
  std::iota(plan.order.begin(), plan.order.end(), int64_t{0});
  if (!std::is_sorted(plan.sources.begin(), plan.sources.end())) {
    std::stable_sort(plan.order.begin(), plan.order.end(),
                     [&](int64_t a, int64_t b) { return source_of(a) < source_of(b); });
  }
  for (size_t i = 0; i < plan.order.size(); ++i) {
    const int32_t source = source_of(plan.order[i]);
    if (i == 0 || source != source_of(plan.order[i - 1])) {
      plan.groups.push_back({source / args.images, source % args.images, static_cast<int64_t>(i), 0, true, {}, {}});
    }
    plan.groups.back().end = static_cast<int64_t>(i) + 1;
  }
}

// Where a channel's cells lie side by side they are packed in runs of 16, and the rows of a small window are short runs
// in memory that no processor guesses.
constexpr int64_t kShortRunCost = 2;

int64_t packed_in_runs(const Region& region) { return int64_t{16} * ((region.width + 15) / 16) * region.height; }

// Decides what of the map is packed for a group: the region of all windows, or each one's own.
void choose_region(const FeatureMap& map, const Plan& plan, int64_t most_cells, Reading reading, Group& group) {
  int64_t alone = 0;  // what it costs to pack each window's own region, in cells of a large region
  for (int64_t i = group.begin; i < group.end; ++i) {
    const Region& region = plan.regions[static_cast<size_t>(i)];
    alone += map.channel_stride == 1 ? region.cells() : kShortRunCost * packed_in_runs(region);
    group.region = join(group.region, region);
  }
  // Whole rows lie side by side and are packed faster.
  if (group.region.width > map.width / 4 * 3) {
    group.region.x = 0;
    group.region.width = map.width;
  }
  group.shared = reading != Reading::kWindows && group.region.cells() <= most_cells &&
                 (reading == Reading::kTables || group.region.cells() <= alone);
}

}  // namespace

Plan make_plan(const ForwardArgs& args, const Parallel& parallel, Reading reading) {
  Plan plan;
  const int64_t count = args.boxes.count;
  for_levels_from_map(args.pyramid, [&](const Level& level) { plan.spans_per_window += level.rows + level.columns; });
  plan.sources.resize(static_cast<size_t>(count));
  plan.has_empty.assign(static_cast<size_t>(count), 0);
  std::vector<Span> spans(static_cast<size_t>(count * plan.spans_per_window));  // in the windows' own order
  plan.spans.resize(spans.size());
  std::vector<Demand> demands(static_cast<size_t>(count));  // the windows'
  std::vector<Region> regions(static_cast<size_t>(count));  // in the windows' own order
  int64_t bins = 0;
  for_levels_from_map(args.pyramid, [&](const Level& level) { bins += level.bins(); });

  std::atomic<int64_t> bad_row{std::numeric_limits<int64_t>::max()};
  constexpr int64_t kLeastShare = 256;
  run_shares(parallel, count, kLeastShare, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const Roi roi = project_row(args, r);
      if (roi.bad()) {
        for (int64_t seen = bad_row; r < seen && !bad_row.compare_exchange_weak(seen, r);) {
        }
        return;
      }
      const size_t i = static_cast<size_t>(r);
      plan.sources[i] = roi.map * args.images + roi.image;
      const WindowCost cost = lay_window(roi.window, args.maps[roi.map], args.pyramid,
                                         spans.data() + r * plan.spans_per_window, plan.has_empty[i]);
      demands[i] = demand_of(cost, bins, reading);
      regions[i] = cost.region;
    }
  });
  if (bad_row != std::numeric_limits<int64_t>::max()) {
    plan.bad_row = bad_row;
    return plan;
  }

  group_windows(args, plan);
  plan.from_tables.resize(plan.order.size());
  plan.regions.resize(plan.order.size());
  for (size_t i = 0; i < plan.order.size(); ++i) plan.regions[i] = regions[static_cast<size_t>(plan.order[i])];
  const int64_t most_cells = kMostPackedBytes / position_bytes(args);
  for (Group& group : plan.groups) {
    choose_region(args.maps[group.map], plan, most_cells, reading, group);
    TableChoice choice;
    if (group.shared) {
      plan.packed_cells += group.region.cells();
      choice = choose_tables(demands_of(group, plan, demands), group.region.cells(), most_cells, reading);
      if (choice.any) group.tables = choice.tables;
    } else {
      for (int64_t i = group.begin; i < group.end; ++i)
        plan.packed_cells += plan.regions[static_cast<size_t>(i)].cells();
    }
    run_shares(parallel, group.end - group.begin, kLeastShare, [&](int64_t begin, int64_t end) {
      for (int64_t i = group.begin + begin; i < group.begin + end; ++i) {
        const int64_t row = plan.order[static_cast<size_t>(i)];
        Span* to = plan.spans.data() + i * plan.spans_per_window;
        std::copy_n(spans.data() + row * plan.spans_per_window, plan.spans_per_window, to);
        const Demand& demand = demands[static_cast<size_t>(row)];
        const bool from_tables = choice.any && demand.saved > 0 && demand.met_by(group.tables);
        plan.from_tables[static_cast<size_t>(i)] = from_tables;
        shift_spans(group.shared ? group.region : plan.regions[static_cast<size_t>(i)], args.pyramid, to);
        if (from_tables) point_window_into_tables(group.tables, group.region, args.pyramid, to);
      }
    });
  }
  return plan;
}

}  // namespace spp::cpu
