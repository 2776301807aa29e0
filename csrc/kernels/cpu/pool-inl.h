// Pools the bins of one window from packed cells or from tables.
#pragma once

#include <cstdint>
#include <type_traits>

#include "../pyramid.h"
#include "lanes-inl.h"
#include "plan.h"

SPP_BEGIN_TARGET
namespace spp::cpu::SPP_TARGET {
namespace {

// The bins of a level, each the maximum of four table entries. Offsets along both axes simply add up.
template <typename L, bool kHasEmpty>
inline void pool_from_tables(const Level& level, const Span* columns, const Span* rows, const typename L::Unit* map,
                             typename L::Unit* bins) {
  for (int32_t i = 0; i < level.rows; ++i) {
    const typename L::Unit* upper = map + static_cast<int64_t>(rows[i].first) * L::kUnits;
    const typename L::Unit* lower = map + static_cast<int64_t>(rows[i].second) * L::kUnits;
    for (int32_t j = 0; j < level.columns; ++j, bins += L::kUnits) {
      if (kHasEmpty && (columns[j].first == kEmptySpan || rows[i].first == kEmptySpan)) {
        L::empty().store_to(bins);
        continue;
      }
      const int64_t left = static_cast<int64_t>(columns[j].first) * L::kUnits;
      const int64_t right = static_cast<int64_t>(columns[j].second) * L::kUnits;
      L best = L::load_from(upper + left);
      L other = L::load_from(upper + right);
      best.merge(L::load_from(lower + left));
      other.merge(L::load_from(lower + right));
      best.merge(other);
      best.store_to(bins);
    }
  }
}

// The maximum of `rows` cells of one column; kRows says how many where they are few.
template <typename L, int kRows>
inline L column_maximum(const typename L::Unit* cell, int64_t rows, int64_t pitch) {
  L best = L::load_from(cell);
  if constexpr (kRows > 0) {
    SPP_UNROLL
    for (int y = 1; y < kRows; ++y) best.merge(L::load_from(cell + y * pitch));
  } else {
    while (--rows > 0) best.merge(L::load_from(cell += pitch));
  }
  return best;
}

// A row of bins from `rows` rows of cells. Neighboring bins share a column or none: it is read once.
template <typename L, bool kHasEmpty, int kRows>
void pool_row(const Level& level, const Span* columns, const typename L::Unit* cells, int64_t rows, int64_t pitch,
              typename L::Unit* bins) {
  const auto column_at = [&](int32_t x) {
    return column_maximum<L, kRows>(cells + static_cast<int64_t>(x) * L::kUnits, rows, pitch);
  };
  int32_t read = -1;  // the column in `column`
  L column = L::empty();
  for (int32_t j = 0; j < level.columns; ++j, bins += L::kUnits) {
    if (kHasEmpty && columns[j].first == kEmptySpan) {
      L::empty().store_to(bins);
      continue;
    }
    int32_t x = columns[j].first;
    if (x != read) column = column_at(x);
    L best = column;
    while (++x < columns[j].second) {
      column = column_at(x);
      best.merge(column);
    }
    read = x - 1;
    best.store_to(bins);
  }
}

// The bins of a level, cell by cell.
template <typename L, bool kHasEmpty>
inline void pool_from_cells(const Level& level, const Span* columns, const Span* rows, const typename L::Unit* map,
                            int32_t width, typename L::Unit* bins) {
  const int64_t pitch = static_cast<int64_t>(width) * L::kUnits;
  for (int32_t i = 0; i < level.rows; ++i, bins += level.columns * L::kUnits) {
    if (kHasEmpty && rows[i].first == kEmptySpan) {
      for (int32_t j = 0; j < level.columns; ++j) L::empty().store_to(bins + j * L::kUnits);
      continue;
    }
    const typename L::Unit* cells = map + rows[i].first * pitch;
    const int64_t height = rows[i].second - rows[i].first;
    switch (height) {
      case 1: pool_row<L, kHasEmpty, 1>(level, columns, cells, height, pitch, bins); break;
      case 2: pool_row<L, kHasEmpty, 2>(level, columns, cells, height, pitch, bins); break;
      case 3: pool_row<L, kHasEmpty, 3>(level, columns, cells, height, pitch, bins); break;
      case 4: pool_row<L, kHasEmpty, 4>(level, columns, cells, height, pitch, bins); break;
      case 5: pool_row<L, kHasEmpty, 5>(level, columns, cells, height, pitch, bins); break;
      case 6: pool_row<L, kHasEmpty, 6>(level, columns, cells, height, pitch, bins); break;
      default: pool_row<L, kHasEmpty, 0>(level, columns, cells, height, pitch, bins);
    }
  }
}

// The bins of a level that follows from a finer one: each the maximum of `rows` x `columns` of its bins.
template <typename L, typename Rows, typename Columns>
inline void merge_bins(const Level& level, Rows rows, Columns columns, const typename L::Unit* finer_bins,
                       typename L::Unit* bins) {
  const int64_t width = static_cast<int64_t>(columns) * L::kUnits;
  const int64_t pitch = level.columns * width;
  for (int32_t i = 0; i < level.rows; ++i, finer_bins += rows * pitch) {
    const typename L::Unit* corner = finer_bins;
    for (int32_t j = 0; j < level.columns; ++j, corner += width, bins += L::kUnits) {
      L best = L::load_from(corner);
      for (int32_t y = 0; y < rows; ++y) {
        for (int32_t x = 0; x < columns; ++x) {
          if (x + y > 0) best.merge(L::load_from(corner + y * pitch + x * L::kUnits));
        }
      }
      best.store_to(bins);
    }
  }
}

template <typename L>
inline void pool_from_level(const Level& level, const typename L::Unit* finer_bins, typename L::Unit* bins) {
  constexpr std::integral_constant<int32_t, 2> kTwo;
  constexpr std::integral_constant<int32_t, 3> kThree;
  if (level.merged_rows == 2 && level.merged_columns == 2) {
    merge_bins<L>(level, kTwo, kTwo, finer_bins, bins);
  } else if (level.merged_rows == 3 && level.merged_columns == 3) {
    merge_bins<L>(level, kThree, kThree, finer_bins, bins);
  } else {
    merge_bins<L>(level, level.merged_rows, level.merged_columns, finer_bins, bins);
  }
}

// The levels that follow from finer ones.
template <typename L>
inline void merge_levels(const Pyramid& pyramid, typename L::Unit* bins) {
  for (int32_t n = 0; n < pyramid.count; ++n) {
    const Level& level = pyramid.levels[pyramid.order[n]];
    if (level.source < 0) continue;
    const Level& finer = pyramid.levels[level.source];
    pool_from_level<L>(level, bins + static_cast<int64_t>(finer.first_bin) * L::kUnits,
                       bins + static_cast<int64_t>(level.first_bin) * L::kUnits);
  }
}

// The levels that are read from the map, of which `map` holds a region `width` cells wide.
template <typename L, bool kTables, bool kHasEmpty>
inline void pool_levels(const Pyramid& pyramid, const Span* spans, const typename L::Unit* map, int32_t width,
                        typename L::Unit* bins) {
  for_levels_from_map(pyramid, [&](const Level& level) {
    typename L::Unit* level_bins = bins + static_cast<int64_t>(level.first_bin) * L::kUnits;
    if constexpr (kTables) {
      pool_from_tables<L, kHasEmpty>(level, spans, spans + level.columns, map, level_bins);
    } else {
      pool_from_cells<L, kHasEmpty>(level, spans, spans + level.columns, map, width, level_bins);
    }
    spans += level.columns + level.rows;
  });
}

template <typename L, bool kTables, bool kHasEmpty>
void pool_window(const Pyramid& pyramid, const Span* spans, const typename L::Unit* map, int32_t width,
                 typename L::Unit* bins) {
  pool_levels<L, kTables, kHasEmpty>(pyramid, spans, map, width, bins);
  merge_levels<L>(pyramid, bins);
}

}  // namespace
}  // namespace spp::cpu::SPP_TARGET
SPP_END_TARGET
