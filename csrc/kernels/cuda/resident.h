// Pooling from resident slices (resident_args.h): a block's rows, a batch a warp at a time, by the lists of
// resident_items.h. Lanes pool the bins that are read from the map, merge those that follow from finer ones, then store
// the runs, as many numbers at once as a vector has channels.
#pragma once

#include "resident_items.h"
#include "resident_tables.h"

namespace spp::cuda {

template <typename T, typename Index>
class ResidentBlock {
  using E = Entries<T, Index>;
  using Cell = Vector<E>;
  using Entry = decltype(E::empty());
  static constexpr int kChannels = Cell::kChannels;
  static constexpr bool kIndices = !std::is_same_v<Index, NoIndex>;
  static constexpr int kAhead = 2;  // records that a lane has under way

 public:
  __device__ ResidentBlock(const ResidentArgs& args, int64_t block, SharedArena arena)
      : args_(args),
        lane_(threadIdx.x % kWarpSize),
        warp_(threadIdx.x / kWarpSize),
        tables_(arena.take<Cell>(args.table_vectors)),
        items_(args, arena) {
    int32_t m = 0;
    for (; block >= args.maps[m].blocks; ++m) block -= args.maps[m].blocks;
    map_ = &args.maps[m];
    first_channel_ = block % args.vectors * kChannels;
    block /= args.vectors;
    share_ = static_cast<int32_t>(block % args.shares);
    image_ = block / args.shares;
    source_ = m * args.images + static_cast<int32_t>(image_);
    channels_ = static_cast<int32_t>(smaller<int64_t>(args.channels - first_channel_, kChannels));
    list_ = arena.take<int32_t>(kResidentWarps * kListedRows).part(warp_ * kListedRows, kListedRows);
    const int32_t pointers = args.batch * kRowPointers;
    pointers_ = arena.take<uint64_t>(kResidentWarps * pointers).part(warp_ * pointers, pointers);
    const int32_t staged = args.batch * args.pyramid.bins * kChannels;
    batch_ = arena.take<Entry>(kResidentWarps * staged).part(warp_ * staged, staged);
  }

  __device__ void run() {
    const ResidentTables<T, Index> tables(*map_, tables_);
    items_.build(first_channel_);
    tables.read(image_, first_channel_, args_.channels);
    tables.build();
    // Up to here there were features only, which lay there before this call.
    wait_for_earlier_kernels();
    const RowSpan span = span_of(args_.spans, source_, args_.rows);
    const int64_t step = int64_t{args_.shares} * kResidentThreads;
    int64_t next = span.begin + share_ * int64_t{kResidentThreads} + warp_ * kWarpSize;
    int32_t listed = 0;
    while (true) {
      for (; listed < args_.batch && next < span.end; next += step) listed = list_rows(next, span.end, listed);
      if (listed == 0) break;
      const int32_t count = smaller(listed, args_.batch);
      listed -= count;
      note_pointers(listed, count);
      pool_batch(tables, count);
    }
    __syncthreads();  // the next block's slice lies in the same memory
  }

 private:
  // Appends those of 32 rows that belong to the block's source.
  __device__ int32_t list_rows(int64_t first, int64_t end, int32_t listed) const {
    const int64_t row = first + lane_;
    const bool own = row < end && args_.sources[row] == source_;
    const unsigned mask = ballot(own);
    if (own) list_[listed + __popc(mask & ((1u << lane_) - 1))] = static_cast<int32_t>(row);
    sync_warp();
    return listed + __popc(mask);
  }

  // Of rows [first, first + count) of the list: where their records, output and indices begin.
  __device__ void note_pointers(int32_t first, int32_t count) const {
    if (lane_ < count) {
      const int64_t row = static_cast<int32_t>(list_[first + lane_]);
      const int32_t at = lane_ * kRowPointers;
      pointers_[at] = reinterpret_cast<uint64_t>(args_.bins + row * args_.per_row);
      pointers_[at + 1] = reinterpret_cast<uint64_t>(static_cast<T*>(args_.output) + row * args_.output_stride);
      if constexpr (kIndices) {
        pointers_[at + 2] =
            reinterpret_cast<uint64_t>(static_cast<Index*>(args_.indices) + row * args_.channels * args_.pyramid.bins);
      }
    }
    sync_warp();
  }

  template <typename Thing>
  __device__ Thing* pointer(int32_t place, int32_t which) const {
    return reinterpret_cast<Thing*>(static_cast<uint64_t>(pointers_[place * kRowPointers + which]));
  }

  __device__ void pool_batch(const ResidentTables<T, Index>& tables, int32_t count) const {
    const bool empty = any_lane(pool_bins(tables, count));
    sync_warp();
#pragma unroll 1
    for (int32_t i = 0; i < args_.pyramid.count; ++i) {
      const int32_t l = args_.pyramid.order[i];
      if (args_.pyramid.levels[l].source >= 0) merge_level(l, count);
    }
    if (empty) zero_empty_bins(count);
    if (args_.runs && channels_ == kChannels) {
      store_runs(count);
    } else {
      store_numbers(count);
    }
    sync_warp();
  }

  // A lane a bin. Returns whether one of the lane's bins has no cells.
  __device__ bool pool_bins(const ResidentTables<T, Index>& tables, int32_t count) const {
    const int32_t bins = count * args_.per_row;
    bool empty = false;
#pragma unroll 1
    for (int32_t first = lane_; first < bins; first += kAhead * kWarpSize) {
      uint2 items[kAhead];
      BinSquares squares[kAhead];
#pragma unroll
      for (int a = 0; a < kAhead; ++a) {
        if (first + a * kWarpSize >= bins) break;
        items[a] = items_.pool(first + a * kWarpSize);
        const auto* records = pointer<const uint2>(PlaceAnd::low(items[a].x), 0);
        squares[a] = bits_as<BinSquares>(load_produced(records + PlaceAnd::high(items[a].x)));
      }
#pragma unroll
      for (int a = 0; a < kAhead; ++a) {
        if (first + a * kWarpSize >= bins) break;
        const Cell best = tables.pool(squares[a]);
        empty |= squares[a].empty();
        const int32_t at = StagedAnd::low(items[a].y);
        const int32_t step = StagedAnd::high(items[a].y);
#pragma unroll
        for (int c = 0; c < kChannels; ++c) batch_[at + c * step] = best.entry(c);
      }
    }
    return empty;
  }

  __device__ void merge_level(int32_t l, int32_t count) const {
    const Level& level = args_.pyramid.levels[l];
    const int32_t line = args_.pyramid.levels[level.source].columns;
    const int32_t first = items_.first_merge(l);
    const int32_t end = first + count * level.bins() * kChannels;
    // The shapes of the paper's pyramids unrolled.
    if (level.merged_rows == 2 && level.merged_columns == 2) {
      merge_items<2, 2>(first, end, line, 2, 2);
    } else if (level.merged_rows == 3 && level.merged_columns == 3) {
      merge_items<3, 3>(first, end, line, 3, 3);
    } else {
      merge_items<0, 0>(first, end, line, level.merged_rows, level.merged_columns);
    }
    sync_warp();
  }

  // A lane a bin of a channel, from kRows x kColumns bins of the finer level; 0: from rows x columns of them.
  template <int kRows, int kColumns>
  __device__ void merge_items(int32_t first, int32_t end, int32_t line, int32_t rows, int32_t columns) const {
#pragma unroll 1
    for (int32_t i = first + lane_; i < end; i += kWarpSize) {
      const uint32_t item = items_.merge(i);
      const int32_t corner = StagedAnd::low(item);
      Entry best = batch_[corner];
      if constexpr (kRows > 0) {
#pragma unroll
        for (int k = 1; k < kRows * kColumns; ++k) {
          best = E::larger_entry(best, batch_[corner + k / kColumns * line + k % kColumns]);
        }
      } else {
#pragma unroll 1
        for (int32_t y = 0; y < rows; ++y) {
          for (int32_t x = 0; x < columns; ++x) best = E::larger_entry(best, batch_[corner + y * line + x]);
        }
      }
      batch_[StagedAnd::high(item)] = best;
    }
  }

  // A bin without cells leaves as 0.
  __device__ void zero_empty_bins(int32_t count) const {
    for (int32_t i = lane_; i < count * args_.pyramid.bins * kChannels; i += kWarpSize) {
      if (static_cast<Entry>(batch_[i]) == E::empty()) batch_[i] = E::zero();
    }
    sync_warp();
  }

  // A lane a run: a store of values, and one of cells.
  __device__ void store_runs(int32_t count) const {
    const Shared<Cell> runs = batch_.template as<Cell>();
#pragma unroll 2
    for (int32_t i = lane_; i < count * args_.pyramid.bins; i += kWarpSize) {
      const uint2 item = items_.store(i);
      const int32_t place = PlaceAnd::low(item.x);
      const Cell run = runs[PlaceAnd::high(item.x)];
      store_run(pointer<T>(place, 1) + item.y, run.template values<T>());
      if constexpr (kIndices) store_run(pointer<Index>(place, 2) + item.y, cells_of(run));
    }
  }

  // The same number by number, where addresses are odd or the slice has fewer channels.
  __device__ void store_numbers(int32_t count) const {
    const Shared<Cell> runs = batch_.template as<Cell>();
#pragma unroll 1
    for (int32_t i = lane_; i < count * args_.pyramid.bins; i += kWarpSize) {
      const uint2 item = items_.store(i);
      const int32_t place = PlaceAnd::low(item.x);
      const int32_t run = PlaceAnd::high(item.x);
      const Cell entries = runs[run];
      const auto values = entries.template values<T>();
      const int32_t left = numbers_left(run - place * args_.pyramid.bins);
#pragma unroll
      for (int c = 0; c < kChannels; ++c) {
        if (c >= left) break;
        pointer<T>(place, 1)[item.y + c] = values.items[c];
        if constexpr (kIndices) pointer<Index>(place, 2)[item.y + c] = E::cell(entries.entry(c));
      }
    }
  }

  // From the beginning of a row's run to the end of its level, for the slice's channels.
  __device__ int32_t numbers_left(int32_t run) const {
    int32_t l = 0;
    while (l + 1 < args_.pyramid.count && args_.pyramid.levels[l + 1].first_bin <= run) ++l;
    const Level& level = args_.pyramid.levels[l];
    return channels_ * level.bins() - (run - level.first_bin) * kChannels;
  }

  __device__ static auto cells_of(const Cell& run) {
    Run<Index, kChannels> cells;
#pragma unroll
    for (int c = 0; c < kChannels; ++c) cells.items[c] = E::cell(run.entry(c));
    return cells;
  }

  const ResidentArgs& args_;
  const int32_t lane_;
  const int32_t warp_;
  const Shared<Cell> tables_;
  const ResidentItems<kChannels> items_;
  const ResidentMap* map_;
  int64_t image_;
  int64_t first_channel_;
  int32_t channels_;  // of the slice
  int32_t share_;
  int32_t source_;
  Shared<int32_t> list_;
  Shared<uint64_t> pointers_;
  Shared<Entry> batch_;
};

template <typename T, typename Index>
__global__ void SPP_LAUNCH_BOUNDS(kResidentThreads, kResidentBlocks)
    pool_resident(const __grid_constant__ ResidentArgs args) {
  for (int64_t block = blockIdx.x; block < args.blocks; block += gridDim.x) {
    ResidentBlock<T, Index>(args, block, SharedArena()).run();
  }
}

}  // namespace spp::cuda
