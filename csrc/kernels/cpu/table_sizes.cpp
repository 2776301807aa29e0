#include "table_sizes.h"

#include <algorithm>

namespace spp::cpu {
namespace {

// Costs in reads of one cell of a window. A step reads two entries and writes one, further away: tables crowd the map
// out of the cache that large outputs leave to it.
constexpr double kEntryCost = 1.0;
constexpr double kStepCost = 4.0;
constexpr double kFourEntriesStepCost = 6.0;  // doubles width and height at once

// Each table is a step from another one, but the first: that takes several from the map.
double build_cost(const TableSizes& tables, int64_t cells) {
  const auto [fewer, more] = std::minmax(tables.widths.first, tables.heights.first);
  const double first = fewer * kFourEntriesStepCost + (more - fewer) * kStepCost;
  const double others = static_cast<double>(tables.widths.count()) * tables.heights.count() - 1;
  return static_cast<double>(cells) * (first + others * kStepCost);
}

// From the smallest `first` to the largest `last`.
LogRange widest(const std::vector<Demand>& demands, LogRange TableSizes::* axis) {
  LogRange all = demands.front().sizes.*axis;
  for (const Demand& demand : demands) {
    all.first = std::min(all.first, (demand.sizes.*axis).first);
    all.last = std::max(all.last, (demand.sizes.*axis).last);
  }
  return {all.first, std::max(all.first, all.last)};
}

template <typename Visit>
void for_ranges(const LogRange& all, const Visit& visit) {
  for (int32_t first = all.first; first <= all.last; ++first) {
    for (int32_t last = first; last <= all.last; ++last) visit(LogRange{first, last});
  }
}

}  // namespace

LogRange wanted_logs(int32_t smallest, int32_t largest) {
  return {floor_log2(smallest), largest > 2 ? floor_log2(largest - 1) : 0};
}

double saved_by_tables(int64_t bins, double cell_reads) {
  return cell_reads - static_cast<double>(kEntriesPerBin * bins) * kEntryCost;
}

TableChoice choose_tables(const std::vector<Demand>& demands, int64_t cells, int64_t most_cells, Reading reading) {
  TableChoice best;
  if (demands.empty() || reading == Reading::kCells) return best;
  const TableSizes all{widest(demands, &TableSizes::widths), widest(demands, &TableSizes::heights)};
  if (reading == Reading::kTables) return {all.slots() * cells <= most_cells, all};

  double most = 0;
  for_ranges(all.widths, [&](const LogRange& widths) {
    for_ranges(all.heights, [&](const LogRange& heights) {
      const TableSizes tables{widths, heights};
      if (tables.slots() * cells > most_cells) return;
      double saved = -build_cost(tables, cells);
      for (const Demand& demand : demands) saved += demand.met_by(tables) ? demand.saved : 0;
      if (saved <= most) return;
      most = saved;
      best = {true, tables};
    });
  });
  return best;
}

}  // namespace spp::cpu
