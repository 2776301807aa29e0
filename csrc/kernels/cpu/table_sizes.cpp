#include "table_sizes.h"

#include <algorithm>
#include <limits>

namespace spp::cpu {
namespace {

// Costs in reads of one cell of a window. A step reads two entries and writes one, further away: tables crowd the map
// out of the cache that large outputs leave to it.
constexpr double kEntryCost = 1.0;
constexpr double kStepCost = 4.0;
constexpr double kFourEntriesStepCost = 6.0;
constexpr int64_t kMostTableCells = int64_t{1} << 28;  // offsets are 32-bit, and the memory is a worker's own

double build_cost(const TableSizes& tables, int64_t cells) {
  const double from_others = static_cast<double>(tables.widths.count()) * tables.heights.count() - 1;
  const int32_t doubled = tables.widths.first + tables.heights.first;  // axes along which the first one is
  const double from_map = doubled == 0 ? 0 : doubled == 1 ? kStepCost : kFourEntriesStepCost;
  return static_cast<double>(cells) * (from_others * kStepCost + from_map);
}

double cost(const std::vector<Demand>& demands, const TableSizes& tables, int64_t cells, int64_t bins) {
  double sum = build_cost(tables, cells);
  for (const Demand& demand : demands) {
    sum += demand.met_by(tables) ? 4.0 * static_cast<double>(bins * demand.windows) * kEntryCost : demand.cell_reads;
  }
  return sum;
}

// The sizes that serve every window.
TableSizes all_sizes(const std::vector<Demand>& demands) {
  TableSizes all = demands.front().sizes;
  const auto widen = [](LogRange& range, const LogRange& wanted) {
    range = {std::min(range.first, wanted.first), std::max(range.last, wanted.last)};
  };
  for (const Demand& demand : demands) {
    widen(all.widths, demand.sizes.widths);
    widen(all.heights, demand.sizes.heights);
  }
  return all;
}

template <typename Visit>
void for_ranges(const LogRange& widest, const Visit& visit) {
  for (int32_t first = widest.first; first <= 1; ++first) {
    for (int32_t last = first; last <= std::max(widest.last, first); ++last) visit(LogRange{first, last});
  }
}

}  // namespace

LogRange wanted_logs(int32_t smallest, int32_t largest) {
  const int32_t first = smallest > 1;
  int32_t last = first;
  while ((int64_t{2} << last) < largest) ++last;
  return {first, last};
}

TableChoice choose_tables(const std::vector<Demand>& demands, int64_t cells, int64_t bins, Reading reading) {
  TableChoice best;
  if (demands.empty() || reading == Reading::kCells) return best;
  const TableSizes all = all_sizes(demands);
  if (reading == Reading::kTables) return {all.slots() * cells <= kMostTableCells, all};

  double least = 0;
  for (const Demand& demand : demands) least += demand.cell_reads;
  for_ranges(all.widths, [&](const LogRange& widths) {
    for_ranges(all.heights, [&](const LogRange& heights) {
      const TableSizes tables{widths, heights};
      if (tables.slots() * cells > kMostTableCells || build_cost(tables, cells) >= least) return;
      const double total = cost(demands, tables, cells, bins);
      if (total >= least) return;
      least = total;
      best = {true, tables};
    });
  });
  return best;
}

}  // namespace spp::cpu
