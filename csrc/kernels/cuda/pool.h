// Third step of forward: pools the windows. One warp takes one window and one chunk of channels.
//
// Eight lanes together hold 128 bytes of channels of one cell, and the four groups of eight lanes work on four bins of a
// level at a time, so that all reading is in whole lines. Bins are collected in shared memory, [bin, channel]; levels
// that follow from a finer one are merged there. The way out turns them: lanes then stand for consecutive bins of one
// channel, as the output has them.
#pragma once

#include "divider.h"
#include "place.h"
#include "tables.h"

namespace spp::cuda {

constexpr int kLanes = 8;                    // of a group: 128 bytes of one cell
constexpr int kGroups = kWarpSize / kLanes;  // bins worked on at a time
constexpr int kPitch = kLanes + 1;           // vectors from bin to bin in shared memory: free of bank conflicts both ways
constexpr int kPoolWarps = 4;

struct PoolMap {
  const void* tables;
  int64_t table_size;  // vectors of one table: images x cells x vectors of a cell
  int64_t image_size;  // vectors of one image of it
  int32_t width;
};

struct PoolLevel {
  Divider columns;  // bin number -> row
  Divider across;   // item of the way out -> vector of channels
  int32_t across_width;
  bool pairs;  // bins can leave two by two
};

struct PoolArgs {
  PoolMap maps[kMaxMaps];
  PoolLevel levels[kMaxLevels];
  Pyramid pyramid;
  RangeLayout layout;
  const Range* ranges;
  const int32_t* sources;
  int64_t rows;
  int64_t channels;
  int64_t vectors;
  int32_t images;
  int32_t doublings;
  int32_t buffer_bins;  // bins the shared memory of a warp holds: all of them, or one run of bins at a time
  void* output;
  int64_t output_stride;
  void* indices;
};

inline size_t pool_shared_bytes(int32_t buffer_bins) {
  return kPoolWarps * shared_bytes_of<uint4>(int64_t{buffer_bins} * kPitch);
}

template <typename T, typename Index>
class WindowPool {
  using E = Entries<T, Index>;
  using Bin = Vector<E>;
  static constexpr bool kIndices = !std::is_same_v<Index, NoIndex>;
  static constexpr int kChunk = kLanes * Bin::kChannels;

 public:
  __device__ WindowPool(const PoolArgs& args, Shared<Bin> buffer, int64_t row, int64_t chunk)
      : args_(args), buffer_(buffer), row_(row), chunk_(chunk), lane_(threadIdx.x % kWarpSize) {
    group_ = lane_ / kLanes;
    column_ = lane_ % kLanes;
    const int64_t left = args.vectors - chunk * kLanes;
    vectors_ = static_cast<int32_t>(smaller<int64_t>(left, kLanes));
  }

  __device__ void run() {
    const int32_t source = args_.sources[row_];
    if (source == kBadRow) return refuse();
    const PoolMap& map = args_.maps[source / args_.images];
    tables_ = static_cast<const Bin*>(map.tables) + source % args_.images * map.image_size + chunk_ * kLanes + column_;
    table_size_ = map.table_size;
    width_ = map.width;
    if (args_.buffer_bins >= args_.pyramid.bins) {
      whole_pyramid();
    } else {
      run_by_run();
    }
  }

 private:
  __device__ void whole_pyramid() {
    const Pyramid& pyramid = args_.pyramid;
    for (int32_t i = 0; i < pyramid.count; ++i) {
      const int32_t l = pyramid.order[i];
      const Level& level = pyramid.levels[l];
      if (level.source < 0) {
        read_bins(l, 0, level.bins(), level.first_bin);
      } else {
        __syncwarp();
        merge_bins(l);
      }
    }
    __syncwarp();
    for (int32_t l = 0; l < pyramid.count; ++l) {
      write_bins(l, 0, pyramid.levels[l].bins(), pyramid.levels[l].first_bin);
    }
    __syncwarp();
  }

  // The pyramid is larger than the buffer: every level reads the map, and leaves as soon as the buffer is full.
  __device__ void run_by_run() {
    for (int32_t l = 0; l < args_.pyramid.count; ++l) {
      const int32_t bins = args_.pyramid.levels[l].bins();
      for (int32_t first = 0; first < bins; first += args_.buffer_bins) {
        const int32_t count = smaller(args_.buffer_bins, bins - first);
        read_bins(l, first, count, 0);
        __syncwarp();
        write_bins(l, first, count, 0);
        __syncwarp();
      }
    }
  }

  __device__ void read_bins(int32_t l, int32_t first, int32_t count, int32_t place) {
    if (column_ >= vectors_) return;
    const Level& level = args_.pyramid.levels[l];
    const Range* rows = args_.ranges + row_ * args_.layout.per_row + args_.layout.first[l];
    const Range* columns = rows + level.rows;
    for (int32_t i = group_; i < count; i += kGroups) {
      const int32_t bin_row = args_.levels[l].columns(first + i);
      const int32_t bin_column = first + i - bin_row * level.columns;
      buffer_[(place + i) * kPitch + column_] = largest_in(rows[bin_row], columns[bin_column]);
    }
  }

  // Covers the bin with the largest squares that fit; those at its far edges are moved back into it.
  __device__ Bin largest_in(Range rows, Range columns) const {
    Bin best = Bin::empty();
    if (rows.empty() || columns.empty()) return best;
    const int32_t s = smaller(31 - __clz(smaller(rows.size(), columns.size())), args_.doublings);
    const int32_t side = 1 << s;
    const Bin* table = tables_ + s * table_size_;
    for (int32_t y = rows.begin; y < rows.end; y += side) {
      const Bin* line = table + int64_t{smaller(y, rows.end - side)} * width_ * args_.vectors;
      for (int32_t x = columns.begin; x < columns.end; x += 2 * side) {
        const Bin a = line[smaller(x, columns.end - side) * args_.vectors];
        const Bin b = line[smaller(x + side, columns.end - side) * args_.vectors];
        best = larger_of(larger_of(a, b), best);
      }
    }
    return best;
  }

  __device__ void merge_bins(int32_t l) {
    if (column_ >= vectors_) return;
    const Level& level = args_.pyramid.levels[l];
    const Level& finer = args_.pyramid.levels[level.source];
    for (int32_t i = group_; i < level.bins(); i += kGroups) {
      const int32_t bin_row = args_.levels[l].columns(i);
      const Range rows = source_range(bin_row, level.rows, finer.rows);
      const Range columns = source_range(i - bin_row * level.columns, level.columns, finer.columns);
      Bin best = Bin::empty();
      for (int32_t y = rows.begin; y < rows.end; ++y) {
        for (int32_t x = columns.begin; x < columns.end; ++x) {
          best = larger_of(best, Bin(buffer_[(finer.first_bin + y * finer.columns + x) * kPitch + column_]));
        }
      }
      buffer_[(level.first_bin + i) * kPitch + column_] = best;
    }
  }

  __device__ void write_bins(int32_t l, int32_t first, int32_t count, int32_t place) {
    if (args_.levels[l].pairs) {
      write_runs<2>(l, first, count, place);
    } else {
      write_runs<1>(l, first, count, place);
    }
  }

  // Values (or indices) that leave by one store.
  template <typename Value, int kCount>
  struct alignas(kCount * sizeof(Value)) Run {
    Value values[kCount];
  };

  template <int kBins>
  __device__ void write_runs(int32_t l, int32_t first, int32_t count, int32_t place) {
    const PoolLevel& plan = args_.levels[l];
    const int64_t level_bins = args_.pyramid.levels[l].bins();
    const int64_t start = args_.channels * args_.pyramid.levels[l].first_bin + first;
    T* output = static_cast<T*>(args_.output) + row_ * args_.output_stride + start;
    [[maybe_unused]] Index* indices =
        kIndices ? static_cast<Index*>(args_.indices) + row_ * args_.channels * args_.pyramid.bins + start : nullptr;
    for (int32_t item = lane_; item < vectors_ * plan.across_width; item += kWarpSize) {
      const int32_t vector = plan.across(item);
      const int32_t bin = (item - vector * plan.across_width) * kBins;
      if (bin >= count) continue;
      Bin bins[kBins];
#pragma unroll
      for (int b = 0; b < kBins; ++b) bins[b] = buffer_[(place + bin + b) * kPitch + vector];
      const int64_t channel = chunk_ * kChunk + vector * Bin::kChannels;
      const int64_t offset = channel * level_bins + bin;
#pragma unroll
      for (int c = 0; c < Bin::kChannels; ++c) {
        if (channel + c >= args_.channels) break;
        Run<T, kBins> values;
#pragma unroll
        for (int b = 0; b < kBins; ++b) values.values[b] = E::value(bins[b].entry(c));
        *reinterpret_cast<Run<T, kBins>*>(output + offset + c * level_bins) = values;
        if constexpr (kIndices) {
          Run<Index, kBins> cells;
#pragma unroll
          for (int b = 0; b < kBins; ++b) cells.values[b] = E::cell(bins[b].entry(c));
          *reinterpret_cast<Run<Index, kBins>*>(indices + offset + c * level_bins) = cells;
        }
      }
    }
  }

  // A bad row: NaN and no cell.
  __device__ void refuse() {
    const int64_t first = chunk_ * kChunk;
    const int64_t count = smaller<int64_t>(args_.channels - first, kChunk);
    const T nan = from_float<T>(value_of<float>(Order<float>::kNaN));
    for (int32_t l = 0; l < args_.pyramid.count; ++l) {
      const Level& level = args_.pyramid.levels[l];
      const int64_t start = args_.channels * level.first_bin + first * level.bins();
      for (int64_t i = lane_; i < count * level.bins(); i += kWarpSize) {
        static_cast<T*>(args_.output)[row_ * args_.output_stride + start + i] = nan;
        if constexpr (kIndices) {
          static_cast<Index*>(args_.indices)[row_ * args_.channels * args_.pyramid.bins + start + i] =
              static_cast<Index>(kNoCell);
        }
      }
    }
  }

  const PoolArgs& args_;
  Shared<Bin> buffer_;
  int64_t row_;
  int64_t chunk_;
  int32_t lane_;
  int32_t group_;    // which of the bins worked on
  int32_t column_;   // which vector of the chunk
  int32_t vectors_;  // of this chunk
  const Bin* tables_;
  int64_t table_size_;
  int32_t width_;
};

template <typename T, typename Index>
__global__ void __launch_bounds__(kPoolWarps* kWarpSize) pool_windows(const __grid_constant__ PoolArgs args) {
  using Bin = Vector<Entries<T, Index>>;
  SharedArena arena;
  const int32_t warp = threadIdx.x / kWarpSize;
  const int32_t buffer_vectors = args.buffer_bins * kPitch;
  const Shared<Bin> buffer = arena.take<Bin>(kPoolWarps * buffer_vectors).part(warp * buffer_vectors, buffer_vectors);
  const int64_t chunks = ceil_div(args.vectors, kLanes);
  for (int64_t chunk = blockIdx.y; chunk < chunks; chunk += gridDim.y) {
    for (int64_t row = int64_t{blockIdx.x} * kPoolWarps + warp; row < args.rows; row += int64_t{gridDim.x} * kPoolWarps) {
      WindowPool<T, Index>(args, buffer, row, chunk).run();
    }
  }
}

}  // namespace spp::cuda
