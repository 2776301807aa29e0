// Backward: sums the gradients of the bins into the cells they came from.
//
// A block owns some channels of one image of one map, or of a band of cells where all of them do not fit its shared
// memory. It walks the rows that were pooled from that image, adds in shared memory, and writes its cells once: no
// atomics on global memory, no zero fill, and the 16-bit types are summed in float32.
#pragma once

#include "../dispatch.h"
#include "sums.h"

namespace spp::cuda {

constexpr int kScatterThreads = 512;
constexpr int kScatterBlocks = 2;  // on a multiprocessor: 64 registers a thread
constexpr int kListRows = 2048;    // rows looked through at a time

struct ScatterMap {
  void* gradient;
  int64_t cells;
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
  const uint64_t* spans;  // see find_spans; null: every source may be anywhere
  int32_t images;
  int64_t channels;
  int32_t block_channels;
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
#pragma unroll 1
    for (int pass = 0; pass < Sums::kPasses; ++pass) {
      for_each_gradient([&](int32_t channel, int32_t cell, W value) {
        if (pass + 1 < Sums::kPasses) {
          sums.note(channel, value);
        } else {
          sums.add(channel, channel * cells_ + cell, value);
        }
      });
    }
    for (int32_t c = 0; c < channels_; ++c) {
      T* gradient =
          static_cast<T*>(map_->gradient) + (image_ * args_.channels + first_channel_ + c) * map_->cells + first_cell_;
      for (int32_t i = thread_; i < cells_; i += kScatterThreads)
        gradient[i] = from_float<T>(sums.sum(c, c * cells_ + i));
    }
    __syncthreads();  // the next block's sums start in the same memory
  }

 private:
  // Calls visit(channel, cell, gradient) for every bin that took its maximum from the block's cells.
  template <typename Visit>
  __device__ void for_each_gradient(Visit&& visit) {
    int64_t begin = 0;
    int64_t end = args_.rows;
    if (args_.spans != nullptr) {
      const uint64_t before = args_.spans[2 * source_];
      if (before >= static_cast<uint64_t>(args_.rows)) end = 0;  // untouched: no row has this source
      if (end > 0) {
        begin = static_cast<int64_t>(before);
        end -= static_cast<int64_t>(args_.spans[2 * source_ + 1]);
      }
    }
    for (int64_t first = begin; first < end; first += kListRows) {
      const int32_t rows = list_rows(first, static_cast<int32_t>(smaller<int64_t>(end - first, kListRows)));
      visit_rows(first, rows, visit);
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

  // A thread keeps to one bin of one channel and goes from row to row, so that it works out only once where they are.
  template <typename Visit>
  __device__ void visit_rows(int64_t first, int32_t rows, Visit&& visit) {
    const int32_t bins = args_.pyramid.bins;
    const int32_t items = channels_ * bins;
    const int32_t walkers = larger(kScatterThreads / items, 1);  // of one item
    const int32_t walker = thread_ / items;
    if (walker >= walkers) return;
    for (int32_t item = thread_ - walker * items; item < items; item += kScatterThreads) {
      const int32_t channel = item / bins;
      const int32_t bin = item - channel * bins;
      int32_t l = 0;
      while (l + 1 < args_.pyramid.count && args_.pyramid.levels[l + 1].first_bin <= bin) ++l;
      const Level& level = args_.pyramid.levels[l];
      const int64_t column =
          args_.channels * level.first_bin + (first_channel_ + channel) * level.bins() + bin - level.first_bin;
      // Byte strides without a sign: rows are numbered from 0, and one multiplication then finds an address.
      const uint64_t index_stride = static_cast<uint64_t>(args_.channels * bins) * sizeof(Index);
      const uint64_t value_stride = static_cast<uint64_t>(args_.grad_row_stride) * sizeof(T);
      const char* indices = static_cast<const char*>(args_.indices) + first * index_stride + column * sizeof(Index);
      const char* values = static_cast<const char*>(args_.grad_output) + first * value_stride +
                           static_cast<uint64_t>(column * args_.grad_column_stride) * sizeof(T);
#pragma unroll 1
      for (int32_t i = walker; i < rows; i += kBatch * walkers) {
        Index cells[kBatch];
        T gradients[kBatch];
#pragma unroll
        for (int b = 0; b < kBatch; ++b) {
          const int32_t place = i + b * walkers;
          const uint64_t row = static_cast<uint32_t>(list_[smaller(place, rows - 1)]);
          cells[b] = *reinterpret_cast<const Index*>(indices + row * index_stride);
          gradients[b] = *reinterpret_cast<const T*>(values + row * value_stride);
          if (place >= rows) cells[b] = static_cast<Index>(kNoCell);
        }
#pragma unroll
        for (int b = 0; b < kBatch; ++b) {
          // kNoCell, and whatever lies before the band, becomes larger than any cell of it.
          const uint32_t cell = static_cast<uint32_t>(cells[b]) - first_cell_;
          if (cell < static_cast<uint32_t>(cells_)) visit(channel, static_cast<int32_t>(cell), to_float(gradients[b]));
        }
      }
    }
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
__global__ void __launch_bounds__(kScatterThreads, kScatterBlocks)
    scatter_gradients(const __grid_constant__ ScatterArgs args) {
  for (int64_t block = blockIdx.x; block < args.blocks; block += gridDim.x) {
    ScatterBlock<T, Index, Sums>(args, block).run();
  }
}

struct SpanArgs {
  const int32_t* sources;
  int64_t source_count;
  int64_t rows;
  uint64_t* spans;  // all bits set to begin with
};

constexpr int kSpanThreads = 256;

// For each source s: spans[2 * s] becomes its first row, spans[2 * s + 1] how many rows come after its last one. Rows
// usually lie image by image, and a block of the scatter then looks through those of its own only.
__global__ void __launch_bounds__(kSpanThreads) find_spans(const __grid_constant__ SpanArgs args) {
  const int64_t step = int64_t{gridDim.x} * kSpanThreads;
  for (int64_t r = int64_t{blockIdx.x} * kSpanThreads + threadIdx.x; r < args.rows; r += step) {
    const int32_t source = args.sources[r];
    if (source < 0 || source >= args.source_count) continue;
    if (r == 0 || args.sources[r - 1] != source) {
      atomicMin(reinterpret_cast<unsigned long long*>(args.spans + 2 * source), static_cast<unsigned long long>(r));
    }
    if (r + 1 == args.rows || args.sources[r + 1] != source) {
      atomicMin(reinterpret_cast<unsigned long long*>(args.spans + 2 * source + 1),
                static_cast<unsigned long long>(args.rows - 1 - r));
    }
  }
}

}  // namespace spp::cuda
