// Pooling from resident slices (resident_args.h): a block's rows, a batch a warp at a time.
//
// A batch is staged in output order, [row, level, channel, bin], so that a vector's channels of one level are one run
// of the output: lanes pool the bins of the levels that read the map, then merge those that follow from finer ones,
// then store the runs, as many numbers at once as a vector has channels.
#pragma once

#include "resident_tables.h"

namespace spp::cuda {

template <typename T, typename Index>
class ResidentBlock {
  using E = Entries<T, Index>;
  using Cell = Vector<E>;
  using Entry = decltype(E::empty());
  static constexpr int kChannels = Cell::kChannels;
  static constexpr bool kIndices = !std::is_same_v<Index, NoIndex>;
  using Entries16 = Run<Entry, kChannels>;  // 16 bytes of the batch

 public:
  __device__ ResidentBlock(const ResidentArgs& args, int64_t block)
      : args_(args), lane_(threadIdx.x % kWarpSize), warp_(threadIdx.x / kWarpSize) {
    int32_t m = 0;
    for (; block >= args.maps[m].blocks; ++m) block -= args.maps[m].blocks;
    map_ = &args.maps[m];
    first_channel_ = block % args.vectors * kChannels;
    block /= args.vectors;
    share_ = static_cast<int32_t>(block % args.shares);
    image_ = block / args.shares;
    source_ = m * args.images + static_cast<int32_t>(image_);
    channels_ = static_cast<int32_t>(smaller<int64_t>(args.channels - first_channel_, kChannels));
    SharedArena arena;
    tables_ = arena.take<Cell>(args.table_vectors);
    list_ = arena.take<int32_t>(kResidentWarps * kListedRows).part(warp_ * kListedRows, kListedRows);
    const int32_t staged = args.batch * row_entries();
    batch_ = arena.take<Entry>(kResidentWarps * staged).part(warp_ * staged, staged);
  }

  __device__ void run() {
    const ResidentTables<T, Index> tables(*map_, tables_);
    tables.read(image_, first_channel_, args_.channels);
    tables.build();
    const RowSpan span = span_of(args_.spans, source_, args_.rows);
    const int64_t step = int64_t{args_.shares} * kResidentThreads;
    int64_t next = span.begin + share_ * int64_t{kResidentThreads} + warp_ * kWarpSize;
    int32_t listed = 0;
    while (true) {
      for (; listed < args_.batch && next < span.end; next += step) listed = list_rows(next, span.end, listed);
      if (listed == 0) break;
      const int32_t count = smaller(listed, args_.batch);
      listed -= count;
      pool_batch(tables, listed, count);
    }
    __syncthreads();  // the next block's slice lies in the same memory
  }

 private:
  __device__ int32_t row_entries() const { return args_.pyramid.bins * kChannels; }

  // Appends those of 32 rows that belong to the block's source.
  __device__ int32_t list_rows(int64_t first, int64_t end, int32_t listed) const {
    const int64_t row = first + lane_;
    const bool own = row < end && args_.sources[row] == source_;
    const unsigned mask = ballot(own);
    if (own) list_[listed + __popc(mask & ((1u << lane_) - 1))] = static_cast<int32_t>(row);
    sync_warp();
    return listed + __popc(mask);
  }

  // Rows [first, first + count) of the list.
  __device__ void pool_batch(const ResidentTables<T, Index>& tables, int32_t first, int32_t count) const {
    const Pyramid& pyramid = args_.pyramid;
    bool empty = false;
#pragma unroll 1
    for (int32_t i = 0; i < pyramid.count; ++i) {
      const int32_t l = pyramid.order[i];
      if (pyramid.levels[l].source < 0) {
        empty |= pool_level(tables, l, first, count);
      } else {
        merge_level(l, count);
      }
      if (i + 1 == pyramid.count || pyramid.levels[pyramid.order[i + 1]].source >= 0) sync_warp();
    }
    if (any_lane(empty)) zero_empty_bins(count);
#pragma unroll 1
    for (int32_t l = 0; l < pyramid.count; ++l) store_level(l, first, count);
    sync_warp();
  }

  // A lane a bin of a row, from the tables. Returns whether one of the lane's bins has no cells.
  __device__ bool pool_level(const ResidentTables<T, Index>& tables, int32_t l, int32_t first, int32_t count) const {
    const Level& level = args_.pyramid.levels[l];
    const ResidentLevel& plan = args_.levels[l];
    const int32_t bins = level.bins();
    bool empty = false;
#pragma unroll 1
    for (int32_t i = lane_; i < count * bins; i += kWarpSize) {
      const int32_t place = plan.bins(i);
      const int32_t bin = i - place * bins;
      const int64_t row = static_cast<int32_t>(list_[first + place]);
      const auto* record = reinterpret_cast<const uint2*>(args_.bins + row * args_.per_row + plan.first + bin);
      const auto squares = bits_as<BinSquares>(load_constant(record));
      const Cell best = tables.pool(squares);
      empty |= squares.height == 0;
      const int32_t at = place * row_entries() + level.first_bin * kChannels + bin;
#pragma unroll
      for (int c = 0; c < kChannels; ++c) batch_[at + c * bins] = best.entry(c);
    }
    return empty;
  }

  // A lane a bin of a channel of a row, from the bins of the finer level.
  __device__ void merge_level(int32_t l, int32_t count) const {
    const Level& level = args_.pyramid.levels[l];
    const Level& finer = args_.pyramid.levels[level.source];
    const ResidentLevel& plan = args_.levels[l];
    const int32_t bins = level.bins();
    const int32_t items = bins * kChannels;  // of a row
#pragma unroll 1
    for (int32_t i = lane_; i < count * items; i += kWarpSize) {
      const int32_t place = plan.staged(i);
      const int32_t item = i - place * items;
      const int32_t channel = plan.bins(item);
      const int32_t bin = item - channel * bins;
      const int32_t bin_row = plan.columns(bin);
      const int32_t left = (bin - bin_row * level.columns) * level.merged_columns;
      const int32_t corner = place * row_entries() + finer.first_bin * kChannels + channel * finer.bins() +
                             bin_row * level.merged_rows * finer.columns + left;
      Entry best = E::empty();
#pragma unroll 1
      for (int32_t y = 0; y < level.merged_rows; ++y) {
#pragma unroll 2
        for (int32_t x = 0; x < level.merged_columns; ++x) {
          best = E::larger_entry(best, batch_[corner + y * finer.columns + x]);
        }
      }
      batch_[place * row_entries() + level.first_bin * kChannels + item] = best;
    }
  }

  __device__ void zero_empty_bins(int32_t count) const {
    for (int32_t i = lane_; i < count * row_entries(); i += kWarpSize) {
      if (static_cast<Entry>(batch_[i]) == E::empty()) batch_[i] = E::zero();
    }
    sync_warp();
  }

  // A lane a run of a row.
  __device__ void store_level(int32_t l, int32_t first, int32_t count) const {
    const Level& level = args_.pyramid.levels[l];
    const ResidentLevel& plan = args_.levels[l];
    const int32_t bins = level.bins();  // of one channel, and runs of all of a vector's channels
    const int64_t start = args_.channels * level.first_bin + first_channel_ * bins;
    const Shared<Entries16> runs = batch_.template as<Entries16>();
#pragma unroll 1
    for (int32_t i = lane_; i < count * bins; i += kWarpSize) {
      const int32_t place = plan.bins(i);
      const int32_t run = i - place * bins;
      const int64_t row = static_cast<int32_t>(list_[first + place]);
      const Entries16 entries = runs[place * args_.pyramid.bins + level.first_bin + run];
      const auto values = bits_as<Cell>(entries).template values<T>();
      const int32_t offset = run * kChannels;
      store(static_cast<T*>(args_.output) + row * args_.output_stride + start + offset, values, plan.runs,
            channels_ * bins - offset);
      if constexpr (kIndices) {
        Run<Index, kChannels> cells;
#pragma unroll
        for (int c = 0; c < kChannels; ++c) cells.items[c] = E::cell(entries.items[c]);
        store(static_cast<Index*>(args_.indices) + row * args_.channels * args_.pyramid.bins + start + offset, cells,
              plan.runs, channels_ * bins - offset);
      }
    }
  }

  // The first `left` numbers of a run.
  template <typename Number>
  __device__ static void store(Number* at, const Run<Number, kChannels>& run, bool at_once, int32_t left) {
    if (at_once && left >= kChannels) return store_run(at, run);
#pragma unroll
    for (int c = 0; c < kChannels; ++c) {
      if (c < left) at[c] = run.items[c];
    }
  }

  const ResidentArgs& args_;
  const int32_t lane_;
  const int32_t warp_;
  const ResidentMap* map_;
  int64_t image_;
  int64_t first_channel_;
  int32_t channels_;  // of the slice
  int32_t share_;
  int32_t source_;
  Shared<Cell> tables_;
  Shared<int32_t> list_;
  Shared<Entry> batch_;
};

template <typename T, typename Index>
__global__ void __launch_bounds__(kResidentThreads, kResidentBlocks)
    pool_resident(const __grid_constant__ ResidentArgs args) {
  for (int64_t block = blockIdx.x; block < args.blocks; block += gridDim.x) ResidentBlock<T, Index>(args, block).run();
}

}  // namespace spp::cuda
