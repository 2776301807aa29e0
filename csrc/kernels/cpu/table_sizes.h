// Range-maximum tables over a map: which sizes there are, where each stands, and which sizes a group of windows gets.
//
// Entry (y, x) of table (a, b) is the maximum of the 2^a x 2^b (width x height) cells from there. Along an axis with
// tables of 2^first to 2^last cells, a bin of any size from 2^first to twice 2^last is the maximum of two entries.
#pragma once

#include <cstdint>
#include <vector>

namespace spp::cpu {

// Base-two logarithms of the sizes along one axis. The smallest size is one cell or two.
struct LogRange {
  int32_t first = 0;
  int32_t last = 0;

  int32_t count() const { return last - first + 1; }
  bool operator==(const LogRange&) const = default;
};

// Tables stand behind the map, by height and then by width. Table (0, 0) is the map itself, whether wanted or not; on
// its own it serves bins of one or two cells.
struct TableSizes {
  LogRange widths;
  LogRange heights;

  // How many maps' room lies before table (first, first).
  int64_t first_slot() const { return widths.first > 0 || heights.first > 0; }
  int64_t slots() const { return first_slot() + static_cast<int64_t>(widths.count()) * heights.count(); }
  bool operator==(const TableSizes&) const = default;
};

// What windows whose bins span the same sizes want.
struct Demand {
  TableSizes sizes;  // the largest `first` and the smallest `last` that serve them
  int64_t windows = 0;
  double cell_reads = 0;  // if read cell by cell

  bool met_by(const TableSizes& tables) const {
    const auto covers = [](const LogRange& range, const LogRange& wanted) {
      return range.first <= wanted.first && range.last >= wanted.last;
    };
    return covers(tables.widths, sizes.widths) && covers(tables.heights, sizes.heights);
  }
};

// The sizes along one axis that bins of `smallest` to `largest` cells want.
LogRange wanted_logs(int32_t smallest, int32_t largest);

// How bins are read: kAuto compares the costs.
enum class Reading { kAuto, kCells, kTables };

struct TableChoice {
  bool any = false;  // else all windows are read cell by cell
  TableSizes tables;
};

// The cheapest tables on a map of `cells` for these windows of `bins` bins read from the map each; what they do not
// serve is read cell by cell.
TableChoice choose_tables(const std::vector<Demand>& demands, int64_t cells, int64_t bins, Reading reading);

}  // namespace spp::cpu
