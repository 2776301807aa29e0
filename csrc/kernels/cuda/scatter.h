// Backward: sums the gradients of the bins into the cells they came from.
//
// A block owns some channels of one image of one map, or of a band of cells where all of them do not fit its shared
// memory. It walks the rows that were pooled from that image, adds in shared memory, and writes its cells once: no
// atomics on global memory, no zero fill, and the 16-bit types are summed in float32.
#pragma once

#include "../dispatch.h"
#include "spans.h"
#include "sums.h"

namespace spp::cuda {

constexpr int kScatterThreads = 512;
constexpr int kScatterBlocks = 2;  // on a multiprocessor: 64 registers a thread
constexpr int kListRows = 2048;    // rows looked through at a time

struct ScatterMap {
  void* gradient;
  int64_t cells;
  bool channels_last;
  int64_t blocks;  // one an image, group of channels and band
  int32_t bands;
};

struct ScatterArgs {
  ScatterMap maps[kMaxMaps];
  Pyramid pyramid;
  const void* grad_output;
  int64_t grad_row_stride;
  int64_t grad_column_stride;
  const void* indices;
  const int32_t* sources;
  int64_t rows;
  const uint64_t* spans;  // see spans.h; null: every source may be anywhere
  int32_t images;
  int64_t channels;
  int32_t block_channels;  // 2^channel_bits
  int32_t channel_bits;
  int32_t band_cells;
  int64_t blocks;
};

template <typename Sums>
size_t scatter_shared_bytes(int64_t channels, int64_t cells) {
  return Sums::shared_bytes(channels, channels * cells) + shared_bytes_of<int32_t>(kListRows) +
         shared_bytes_of<int32_t>(1);
}

template <typename T, typename Index, typename Sums>
class ScatterBlock {
  using W = typename Wide<T>::type;
  static constexpr int kBatch =
      sizeof(T) == 8 ? 2 : 4;  // gradients a thread has under way, to hide the latency of memory

 public:
  __device__ ScatterBlock(const ScatterArgs& args, int64_t block) : args_(args), thread_(threadIdx.x) {
    int32_t m = 0;
    for (; block >= args.maps[m].blocks; ++m) block -= args.maps[m].blocks;
    map_ = &args.maps[m];
    const int64_t groups = ceil_div(args.channels, args.block_channels);
    first_cell_ = static_cast<uint32_t>(block % map_->bands * args.band_cells);
    block /= map_->bands;
    first_channel_ = block % groups * args.block_channels;
    image_ = block / groups;
    source_ = m * args.images + static_cast<int32_t>(image_);
    cells_ = static_cast<int32_t>(smaller<int64_t>(map_->cells - first_cell_, args.band_cells));
    channels_ = static_cast<int32_t>(smaller<int64_t>(args.channels - first_channel_, args.block_channels));
  }

  __device__ void run() {
    SharedArena arena;
    list_ = arena.take<int32_t>(kListRows);
    listed_ = arena.take<int32_t>(1);
    Sums sums(arena, channels_, channels_ * cells_, args_.rows * args_.pyramid.bins);
    sums.clear(thread_, kScatterThreads);
    if constexpr (Sums::kNotes) for_each_gradient(typename Sums::Noting(sums));
    for_each_gradient(typename Sums::Adding(sums, cells_));
    map_->channels_last ? write_cells(sums) : write_planes(sums);
    __syncthreads();  // the next block's sums start in the same memory
  }

 private:
  __device__ void write_planes(const Sums& sums) {
    for (int32_t c = 0; c < channels_; ++c) {
      T* gradient =
          static_cast<T*>(map_->gradient) + (image_ * args_.channels + first_channel_ + c) * map_->cells + first_cell_;
      for (int32_t i = thread_; i < cells_; i += kScatterThreads)
        gradient[i] = from_float<T>(sums.sum(c, c * cells_ + i));
    }
  }

  // Of a channels-last map: neighboring threads write neighboring channels of a cell.
  __device__ void write_cells(const Sums& sums) {
    T* gradient =
        static_cast<T*>(map_->gradient) + (image_ * map_->cells + first_cell_) * args_.channels + first_channel_;
    const int32_t channels = args_.block_channels;  // a power of two, all of them there but in the last block
    for (int32_t i = thread_; i < cells_ * channels; i += kScatterThreads) {
      const int32_t cell = i >> args_.channel_bits;
      const int32_t c = i & (channels - 1);
      if (c < channels_) gradient[cell * args_.channels + c] = from_float<T>(sums.sum(c, c * cells_ + cell));
    }
  }

  // Calls visit(channel, cell, gradient) for every bin that took its maximum from the block's cells, and
  // visit.finish(channel) after those of one bin of a channel.
  template <typename Visit>
  __device__ void for_each_gradient(Visit visit) {
    const RowSpan span = span_of(args_.spans, source_, args_.rows);
    for (int64_t first = span.begin; first < span.end; first += kListRows) {
      const int32_t rows = list_rows(first, static_cast<int32_t>(smaller<int64_t>(span.end - first, kListRows)));
      // Strides of 32 bits, as nearly all are, find an address by one multiplication.
      if (index_stride() <= UINT32_MAX && value_stride() <= UINT32_MAX) {
        visit_rows<uint32_t>(first, rows, visit);
      } else {
        visit_rows<uint64_t>(first, rows, visit);
      }
    }
    __syncthreads();
  }

  // Collects those of the rows that belong to the block's source.
  __device__ int32_t list_rows(int64_t first, int32_t count) {
    __syncthreads();
    if (thread_ == 0) listed_[0] = 0;
    __syncthreads();
    for (int32_t i = thread_; i < count; i += kScatterThreads) {
      if (args_.sources[first + i] == source_) list_[listed_.atomic_add(0, 1)] = i;
    }
    __syncthreads();
    return listed_[0];
  }

  // In bytes, without a sign: rows are numbered from 0.
  __device__ uint64_t index_stride() const {
    return static_cast<uint64_t>(args_.channels * args_.pyramid.bins) * sizeof(Index);
  }
  __device__ uint64_t value_stride() const { return static_cast<uint64_t>(args_.grad_row_stride) * sizeof(T); }

  // Some gradients of one bin of a channel, and the cells that they go to.
  struct Batch {
    Index cells[kBatch];
    T gradients[kBatch];
  };

  // A thread keeps to one bin of one channel and goes from row to row, so that it works out only once where they are.
  // The next batch is on its way while one is added.
  template <typename Stride, typename Visit>
  __device__ void visit_rows(int64_t first, int32_t rows, Visit& visit) {
    const int32_t bins = args_.pyramid.bins;
    const int32_t items = channels_ * bins;
    const int32_t walkers = larger(kScatterThreads / items, 1);  // of one item
    const int32_t walker = thread_ / items;
    if (walker >= walkers) return;
    const Stride index_step = static_cast<Stride>(index_stride());
    const Stride value_step = static_cast<Stride>(value_stride());
    for (int32_t item = thread_ - walker * items; item < items; item += kScatterThreads) {
      const int32_t channel = item / bins;
      const int64_t column = column_of(channel, item - channel * bins);
      const char* indices = static_cast<const char*>(args_.indices) + first * index_stride() + column * sizeof(Index);
      const char* values = static_cast<const char*>(args_.grad_output) + first * value_stride() +
                           static_cast<uint64_t>(column * args_.grad_column_stride) * sizeof(T);
      const auto load = [&](int32_t i) {
        Batch batch;
#pragma unroll
        for (int b = 0; b < kBatch; ++b) {
          const int32_t place = i + b * walkers;
          const uint32_t row = static_cast<uint32_t>(static_cast<int32_t>(list_[smaller(place, rows - 1)]));
          batch.cells[b] = *reinterpret_cast<const Index*>(indices + uint64_t{row} * index_step);
          batch.gradients[b] = *reinterpret_cast<const T*>(values + uint64_t{row} * value_step);
          if (place >= rows) batch.gradients[b] = from_float<T>(0.0f);
        }
        return batch;
      };
      const int32_t step = kBatch * walkers;
      Batch next = load(walker);
#pragma unroll 1
      for (int32_t i = walker; i < rows; i += step) {
        const Batch batch = next;
        if (i + step < rows) next = load(i + step);
#pragma unroll
        for (int b = 0; b < kBatch; ++b) {
          const W gradient = to_float(batch.gradients[b]);
          // kNoCell, and whatever lies before the band, becomes larger than any cell of it. The gradient is looked at
          // first: its load would otherwise wait for that of the index.
          const uint32_t cell = static_cast<uint32_t>(batch.cells[b]) - first_cell_;
          if (gradient != W(0) && cell < static_cast<uint32_t>(cells_)) {
            visit(channel, static_cast<int32_t>(cell), gradient);
          }
        }
      }
      visit.finish(channel);
    }
  }

  // Where the block's bin of a channel is in a row of the output.
  __device__ int64_t column_of(int32_t channel, int32_t bin) const {
    int32_t l = 0;
    while (l + 1 < args_.pyramid.count && args_.pyramid.levels[l + 1].first_bin <= bin) ++l;
    const Level& level = args_.pyramid.levels[l];
    return args_.channels * level.first_bin + (first_channel_ + channel) * level.bins() + bin - level.first_bin;
  }

  const ScatterArgs& args_;
  const int32_t thread_;
  const ScatterMap* map_;
  Shared<int32_t> list_;
  Shared<int32_t> listed_;
  int64_t image_;
  int64_t first_channel_;
  uint32_t first_cell_;
  int32_t source_;
  int32_t channels_;
  int32_t cells_;
};

template <typename T, typename Index, typename Sums>
__global__ void SPP_LAUNCH_BOUNDS(kScatterThreads, kScatterBlocks)
    scatter_gradients(const __grid_constant__ ScatterArgs args) {
  for (int64_t block = blockIdx.x; block < args.blocks; block += gridDim.x) {
    ScatterBlock<T, Index, Sums>(args, block).run();
  }
}

}  // namespace spp::cuda
