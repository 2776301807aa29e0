// Range-maximum tables over a map: which sizes there are, where each stands, and which sizes a group of windows gets.
//
// Entry (y, x) of table (a, b) is the maximum of the 2^a x 2^b (width x height) cells from there. Along an axis with
// tables of 2^first to 2^last cells, a bin of any size from 2^first to twice 2^last is the maximum of two entries.
#pragma once

#include <cstdint>
#include <vector>

namespace spp::cpu {

constexpr int32_t kEntriesPerBin = 4;

// Of a positive number.
inline int32_t floor_log2(int32_t value) { return 31 - __builtin_clz(static_cast<uint32_t>(value)); }

// Base-two logarithms of the sizes along one axis.
struct LogRange {
  int32_t first = 0;
  int32_t last = 0;

  int32_t count() const { return last - first + 1; }
  bool operator==(const LogRange&) const = default;
};

// Tables stand behind the map, by height and then by width. Table (0, 0) is the map itself.
struct TableSizes {
  LogRange widths;
  LogRange heights;

  // How many maps' room lies before table (first, first).
  int64_t first_slot() const { return widths.first > 0 || heights.first > 0; }
  int64_t slots() const { return first_slot() + static_cast<int64_t>(widths.count()) * heights.count(); }
  bool operator==(const TableSizes&) const = default;
};

// The sizes along one axis that serve bins of `smallest` to `largest` cells: `first` is the largest, `last` the
// smallest that will do. `last` may be less: bins of 4 cells are entries of 4 or pairs of 2.
LogRange wanted_logs(int32_t smallest, int32_t largest);

// What windows whose bins want the same sizes gain from tables.
struct Demand {
  TableSizes sizes;
  double saved = 0;  // reads of cells

  bool met_by(const TableSizes& tables) const {
    const auto covers = [](const LogRange& range, const LogRange& wanted) {
      return range.first <= wanted.first && range.last >= wanted.last;
    };
    return covers(tables.widths, sizes.widths) && covers(tables.heights, sizes.heights);
  }
};

// What a window gains whose `bins` bins take `cell_reads` when they are read cell by cell; less than 0: it loses.
double saved_by_tables(int64_t bins, double cell_reads);

// How bins are read: kAuto compares the costs. kWindows: each window is packed by itself.
enum class Reading { kAuto, kCells, kTables, kWindows };

struct TableChoice {
  bool any = false;  // else all windows are read cell by cell
  TableSizes tables;
};

// The tables on `cells` of a map that pay most and, with these cells, fill at most `most_cells`; windows that they do
// not serve are read cell by cell.
TableChoice choose_tables(const std::vector<Demand>& demands, int64_t cells, int64_t most_cells, Reading reading);

}  // namespace spp::cpu
