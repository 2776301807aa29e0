#include "plan.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace spp::cpu {
namespace {

// Costs in loads of one vector from the nearest cache. A table step reads two entries and writes one, further away.
constexpr double kEntryCost = 1.0;
constexpr double kTableStepCost = 3.0;
constexpr int64_t kMostTableCells = int64_t{1} << 28;  // offsets are 32-bit, and the memory is a worker's own

int32_t floor_log2(int32_t value) { return 31 - __builtin_clz(static_cast<uint32_t>(value)); }

struct WindowCost {
  double cells = 0;  // reads when the bins are read cell by cell
  uint32_t widths = 0;
  uint32_t heights = 0;
};

template <typename Visit>
void for_levels_from_map(const Pyramid& pyramid, const Visit& visit) {
  for (int32_t i = 0; i < pyramid.count; ++i) {
    const Level& level = pyramid.levels[pyramid.order[i]];
    if (level.source < 0) visit(level);
  }
}

// Spans of one axis; returns the sum of their sizes and adds the sizes that occur to `mask`.
int64_t lay_axis(int64_t low, int64_t extent, int32_t bins, int32_t limit, Span* spans, uint32_t& mask,
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
      mask |= 1u << floor_log2(range.size());
    }
  }
  return sum;
}

WindowCost lay_window(const Window& window, const FeatureMap& map, const Pyramid& pyramid, Span* spans,
                      char& has_empty) {
  WindowCost cost;
  for_levels_from_map(pyramid, [&](const Level& level) {
    const int64_t columns = lay_axis(window.x, window.width, level.columns, map.width, spans, cost.widths, has_empty);
    const int64_t rows =
        lay_axis(window.y, window.height, level.rows, map.height, spans + level.columns, cost.heights, has_empty);
    cost.cells += static_cast<double>(columns) * static_cast<double>(rows);
    spans += level.columns + level.rows;
  });
  return cost;
}

// Range -> offsets of the two table entries that cover it. `slot_cells`: from the table of one size to that of the
// next.
void point_into_tables(Span& span, uint32_t sizes, int64_t slot_cells, int64_t step) {
  if (span.first == kEmptySpan) return;
  const int32_t log = floor_log2(span.second - span.first);
  const int64_t slot = __builtin_popcount(sizes & ((1u << log) - 1)) * slot_cells;
  const int64_t last = span.second - (1 << log);
  span = {static_cast<int32_t>(slot + span.first * step), static_cast<int32_t>(slot + last * step)};
}

void point_window_into_tables(const Group& group, const FeatureMap& map, const Pyramid& pyramid, Span* spans) {
  const int64_t cells = static_cast<int64_t>(map.height) * map.width;
  const int64_t widths = __builtin_popcount(group.tables.widths);
  for_levels_from_map(pyramid, [&](const Level& level) {
    for (int32_t i = 0; i < level.columns; ++i) point_into_tables(*spans++, group.tables.widths, cells, 1);
    for (int32_t i = 0; i < level.rows; ++i)
      point_into_tables(*spans++, group.tables.heights, cells * widths, map.width);
  });
}

bool tables_pay(const Group& group, const FeatureMap& map, const Pyramid& pyramid, double cell_reads) {
  const double cells = static_cast<double>(map.height) * map.width;
  if (group.tables.count() == 0 || group.tables.count() * cells > kMostTableCells) return false;
  double bins = 0;
  for_levels_from_map(pyramid, [&](const Level& level) { bins += level.bins(); });
  const double steps_x = floor_log2(static_cast<int32_t>(group.tables.widths));
  const double steps_y = floor_log2(static_cast<int32_t>(group.tables.heights));
  const double steps = steps_x + steps_y * __builtin_popcount(group.tables.widths);
  const double entries = 4.0 * bins * static_cast<double>(group.end - group.begin);
  return entries * kEntryCost + steps * cells * kTableStepCost < cell_reads;
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
      plan.groups.push_back({source / args.images, source % args.images, static_cast<int64_t>(i), 0, false, {0, 0}});
    }
    plan.groups.back().end = static_cast<int64_t>(i) + 1;
  }
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
  std::vector<WindowCost> costs(static_cast<size_t>(count));

  std::atomic<int64_t> bad_row{std::numeric_limits<int64_t>::max()};
  constexpr int64_t kLeastShare = 256;
  run_shares(parallel, count, kLeastShare, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const Placement placement = place_row(args, r);
      if (placement.bad()) {
        for (int64_t seen = bad_row; r < seen && !bad_row.compare_exchange_weak(seen, r);) {
        }
        return;
      }
      const size_t i = static_cast<size_t>(r);
      plan.sources[i] = placement.map * args.images + placement.image;
      costs[i] = lay_window(placement.window, args.maps[placement.map], args.pyramid,
                            spans.data() + r * plan.spans_per_window, plan.has_empty[i]);
    }
  });
  if (bad_row != std::numeric_limits<int64_t>::max()) {
    plan.bad_row = bad_row;
    return plan;
  }

  group_windows(args, plan);
  for (Group& group : plan.groups) {
    double cell_reads = 0;
    for (int64_t i = group.begin; i < group.end; ++i) {
      const WindowCost& cost = costs[static_cast<size_t>(plan.order[static_cast<size_t>(i)])];
      cell_reads += cost.cells;
      group.tables.widths |= cost.widths;
      group.tables.heights |= cost.heights;
    }
    const bool possible =
        tables_pay(group, args.maps[group.map], args.pyramid, std::numeric_limits<double>::infinity());
    group.use_tables = reading == Reading::kAuto ? tables_pay(group, args.maps[group.map], args.pyramid, cell_reads)
                                                 : possible && reading == Reading::kTables;
    run_shares(parallel, group.end - group.begin, kLeastShare, [&](int64_t begin, int64_t end) {
      for (int64_t i = group.begin + begin; i < group.begin + end; ++i) {
        Span* to = plan.spans.data() + i * plan.spans_per_window;
        std::copy_n(spans.data() + plan.order[static_cast<size_t>(i)] * plan.spans_per_window, plan.spans_per_window,
                    to);
        if (group.use_tables) point_window_into_tables(group, args.maps[group.map], args.pyramid, to);
      }
    });
  }
  return plan;
}

}  // namespace spp::cpu
