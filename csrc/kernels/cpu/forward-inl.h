// Forward: a worker takes kLanes channels of one map at a time, packs them, and pools every window of that map.
#pragma once

#include <cstdint>
#include <type_traits>

#include "../dispatch.h"
#include "pack-inl.h"
#include "parallel.h"
#include "plan.h"
#include "tables-inl.h"
#include "write_output-inl.h"

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

template <typename L, bool kTables, bool kHasEmpty>
void pool_window(const Pyramid& pyramid, const Span* spans, const typename L::Unit* map, int32_t width,
                 typename L::Unit* bins) {
  for (int32_t n = 0; n < pyramid.count; ++n) {
    const Level& level = pyramid.levels[pyramid.order[n]];
    typename L::Unit* level_bins = bins + static_cast<int64_t>(level.first_bin) * L::kUnits;
    if (level.source < 0) {
      if constexpr (kTables) {
        pool_from_tables<L, kHasEmpty>(level, spans, spans + level.columns, map, level_bins);
      } else {
        pool_from_cells<L, kHasEmpty>(level, spans, spans + level.columns, map, width, level_bins);
      }
      spans += level.columns + level.rows;
    } else {
      const Level& finer = pyramid.levels[level.source];
      pool_from_level<L>(level, bins + static_cast<int64_t>(finer.first_bin) * L::kUnits, level_bins);
    }
  }
}

// A worker's memory for a map and its tables: enough for any group's, and for what pack() writes past a map.
template <typename L>
size_t most_units(const ForwardArgs& args, const Plan& plan) {
  int64_t positions = 0;
  for (const Group& group : plan.groups) {
    const FeatureMap& map = args.maps[group.map];
    positions = larger(positions, static_cast<int64_t>(map.height) * map.width * group.tables.slots());
  }
  return static_cast<size_t>((positions + kLanes) * L::kUnits);
}

template <typename Stored, typename Index>
void forward_as(const ForwardArgs& args, const Plan& plan, const Parallel& parallel) {
  using T = typename Wide<Stored>::type;
  using L = Lanes<T, !std::is_same_v<Index, NoIndex>>;
  const int64_t blocks = (args.channels + kLanes - 1) / kLanes;
  const int64_t groups = static_cast<int64_t>(plan.groups.size());
  // Enough tasks for the threads to share evenly; each one packs the map anew, so no more than that.
  const int64_t parts = larger<int64_t>(1, 4 * parallel.threads / larger<int64_t>(1, groups * blocks));

  const size_t most = most_units<L>(args, plan);
  run_tasks(parallel, groups * blocks * parts, [&] {
    return [&, map = AlignedVector<typename L::Unit>(most), writer = OutputWriter<T, Stored, Index>(args),
            bins = AlignedVector<typename L::Unit>(static_cast<size_t>(args.pyramid.bins) * L::kUnits)](
               int64_t task) mutable {
      const Group& group = plan.groups[static_cast<size_t>(task / (blocks * parts))];
      const int64_t block = task / parts % blocks, part = task % parts, count = group.end - group.begin;
      const int64_t begin = group.begin + count * part / parts, end = group.begin + count * (part + 1) / parts;
      if (begin == end) return;
      const FeatureMap& features = args.maps[group.map];
      const int64_t first_channel = block * kLanes;
      const int channels = static_cast<int>(smaller<int64_t>(kLanes, args.channels - first_channel));

      pack<L, Stored, T>(features, group.image, first_channel, channels, map.data());
      build_tables<L>(group.tables, features.height, features.width, map.data());

      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = plan.order[static_cast<size_t>(i)];
        const bool has_empty = plan.has_empty[static_cast<size_t>(row)] != 0;
        const auto pool = plan.from_tables[static_cast<size_t>(i)] != 0
                              ? (has_empty ? pool_window<L, true, true> : pool_window<L, true, false>)
                              : (has_empty ? pool_window<L, false, true> : pool_window<L, false, false>);
        if (i + 1 < end) {
          writer.fetch_pages(plan.order[static_cast<size_t>(i + 1)], first_channel, channels);
        }
        pool(args.pyramid, plan.spans.data() + i * plan.spans_per_window, map.data(), features.width, bins.data());
        writer.template write<L>(bins.data(), row, first_channel, channels, has_empty);
      }
    };
  });
}

void forward(const ForwardArgs& args, const Plan& plan, const Parallel& parallel) {
  with_type(args.type, [&](auto type) {
    using Stored = typename decltype(type)::type;
    if (args.indices == nullptr) return forward_as<Stored, NoIndex>(args, plan, parallel);
    with_index_type(args.index_type, [&](auto index_type) {
      forward_as<Stored, typename decltype(index_type)::type>(args, plan, parallel);
    });
  });
}

}  // namespace
}  // namespace spp::cpu::SPP_TARGET
SPP_END_TARGET
