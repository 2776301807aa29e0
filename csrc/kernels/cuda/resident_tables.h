// The tables of one slice, made in shared memory by its block: [table, cell], squares of 1, 2, 4, ... cells a side.
#pragma once

#include "resident_args.h"

namespace spp::cuda {

template <typename T, typename Index>
class ResidentTables {
  using E = Entries<T, Index>;
  using Cell = Vector<E>;

 public:
  __device__ ResidentTables(const ResidentMap& map, Shared<Cell> tables) : map_(map), tables_(tables) {}

  // Reads the slice: `first` is its first channel, of `channels` that there are.
  __device__ void read(int64_t image, int64_t first, int64_t channels) const {
    const T* data = static_cast<const T*>(map_.data) + image * map_.image_stride + first * map_.channel_stride;
    const int32_t own = static_cast<int32_t>(smaller<int64_t>(channels - first, Cell::kChannels));
    for (int32_t i = threadIdx.x; i < cells(); i += kResidentThreads) {
      const int32_t y = map_.rows(i);
      const T* at = data + y * map_.row_stride + (i - y * map_.width) * map_.column_stride;
      Cell cell = Cell::empty();
      if (map_.whole_vectors && own == Cell::kChannels) {
        const auto read = load_run<T, Cell::kChannels>(at);
#pragma unroll
        for (int c = 0; c < Cell::kChannels; ++c) cell.set(c, E::of(read.items[c], i));
      } else {
#pragma unroll
        for (int c = 0; c < Cell::kChannels; ++c) {
          if (c < own) cell.set(c, E::of(at[c * map_.channel_stride], i));
        }
      }
      tables_[i] = cell;
    }
  }

  // Doubles the squares step by step. A square that would leave the map begins nowhere: bins move theirs back.
  __device__ void build() const {
    for (int32_t s = 1; s <= map_.doublings; ++s) {
      __syncthreads();
      const int32_t half = 1 << (s - 1);
      const int32_t from = (s - 1) * cells();
      for (int32_t i = threadIdx.x; i < cells(); i += kResidentThreads) {
        const int32_t y = map_.rows(i);
        if (y + 2 * half > map_.height || i - y * map_.width + 2 * half > map_.width) continue;
        const int32_t top = from + i;
        const int32_t bottom = top + half * map_.width;
        tables_[s * cells() + i] = largest_of(Cell(tables_[top]), Cell(tables_[bottom]), Cell(tables_[top + half]),
                                              Cell(tables_[bottom + half]));
      }
    }
    __syncthreads();
  }

  // The maximum over a bin.
  __device__ Cell pool(const BinSquares& squares) const {
    if (squares.is_four()) return four(squares.corner, squares.down, squares.right);
    return squares.empty() ? Cell::empty() : pool_long(squares);
  }

 private:
  // Covers the bin with the largest squares that fit it; those at its far edges are moved back into it.
  __device__ Cell pool_long(const BinSquares& bin) const {
    const int32_t side = 1 << bin.table();
    const int32_t corner = bin.table() * cells() + bin.cell();
    const int32_t height = bin.down;
    const int32_t width = bin.right;
    Cell best = Cell::empty();
#pragma unroll 1
    for (int32_t y = 0; y < height; y += 2 * side) {
      const int32_t top = smaller(y, height - side) * map_.width;
      const int32_t down = smaller(y + side, height - side) * map_.width - top;
#pragma unroll 1
      for (int32_t x = 0; x < width; x += 2 * side) {
        const int32_t left = smaller(x, width - side);
        const int32_t right = smaller(x + side, width - side) - left;
        best = larger_of(best, four(corner + top + left, down, right));
      }
    }
    return best;
  }

  __device__ int32_t cells() const { return map_.height * map_.width; }

  // Four squares: at a corner, `down` cells below it, `right` cells beside it, and both.
  __device__ Cell four(int32_t corner, int32_t down, int32_t right) const {
    const int32_t below = corner + down;
    const Cell a = tables_[corner];
    const Cell b = tables_[corner + right];
    const Cell c = tables_[below];
    const Cell d = tables_[below + right];
    return largest_of(a, b, c, d);
  }

  const ResidentMap& map_;
  const Shared<Cell> tables_;
};

}  // namespace spp::cuda
