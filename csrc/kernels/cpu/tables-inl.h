// Builds range-maximum tables over a packed map (see table_sizes.h).
#pragma once

#include <cstdint>

#include "lanes-inl.h"
#include "table_sizes.h"

SPP_BEGIN_TARGET
namespace spp::cpu::SPP_TARGET {
namespace {

// Row `to` of `count` entries: each the maximum of the entries of row `from` at these offsets.
template <typename L, int kOffsets>
inline void merge_row(const typename L::Unit* from, const int64_t (&offsets)[kOffsets], int32_t count,
                      typename L::Unit* to) {
  for (int32_t x = 0; x < count; ++x, from += L::kUnits, to += L::kUnits) {
    L entry = L::load_from(from);
    for (const int64_t offset : offsets) entry.merge(L::load_from(from + offset * L::kUnits));
    entry.store_to(to);
  }
}

// Table (first, first): from the map, then in its own place, twice as wide, as high or both in each pass. What a pass
// reads lies at or behind what it writes.
template <typename L>
void build_first_table(const TableSizes& tables, int32_t height, int32_t width, const typename L::Unit* map,
                       typename L::Unit* table) {
  const typename L::Unit* from = map;
  for (int32_t k = 0; k < larger(tables.widths.first, tables.heights.first); ++k, from = table) {
    const bool wider = k < tables.widths.first, higher = k < tables.heights.first;
    const int64_t across = wider ? int64_t{1} << k : 0, down = higher ? static_cast<int64_t>(width) << k : 0;
    const int32_t columns = width - (1 << smaller(k + 1, tables.widths.first)) + 1;
    const int32_t rows = height - (1 << smaller(k + 1, tables.heights.first)) + 1;
    for (int32_t y = 0; y < rows; ++y) {
      const int64_t row = static_cast<int64_t>(y) * width * L::kUnits;
      if (wider && higher) {
        merge_row<L>(from + row, {across, down, across + down}, columns, table + row);
      } else {
        merge_row<L>(from + row, {across + down}, columns, table + row);
      }
    }
  }
}

// From the packed map, which comes in the first place. All but the first one row by row from below, so that what a row
// is made of was written just before.
template <typename L>
void build_tables(const TableSizes& tables, int32_t height, int32_t width, typename L::Unit* map) {
  const int64_t cells = static_cast<int64_t>(height) * width;
  const auto row_of = [&](int64_t slot, int32_t y) {
    return map + (slot * cells + static_cast<int64_t>(y) * width) * L::kUnits;
  };
  build_first_table<L>(tables, height, width, map, row_of(tables.first_slot(), 0));
  if (tables.slots() == 1 + tables.first_slot()) return;
  for (int32_t y = height - 1; y >= 0; --y) {
    int64_t slot = tables.first_slot();
    for (int32_t b = tables.heights.first; b <= tables.heights.last && y + (1 << b) <= height; ++b) {
      for (int32_t a = tables.widths.first; a <= tables.widths.last; ++a, ++slot) {
        const int32_t columns = width - (1 << a) + 1;
        if (a > tables.widths.first) {
          merge_row<L>(row_of(slot - 1, y), {int64_t{1} << (a - 1)}, columns, row_of(slot, y));
        } else if (b > tables.heights.first) {
          const int64_t down = static_cast<int64_t>(width) << (b - 1);
          merge_row<L>(row_of(slot - tables.widths.count(), y), {down}, columns, row_of(slot, y));
        }
      }
    }
  }
}

}  // namespace
}  // namespace spp::cpu::SPP_TARGET
SPP_END_TARGET
