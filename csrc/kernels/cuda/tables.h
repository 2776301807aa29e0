// Second step of forward: tables of maxima over squares of cells.
//
// Table s of a map holds at (y, x) the largest entry of the 2^s x 2^s cells that begin there; table 0 is the map
// itself. A bin is then the maximum of a few, overlapping squares instead of all its cells (two by two of them where
// its sides are within a factor of two), whatever its size. All tables lie [table, image, cell, channel] with channels
// in whole 16-byte vectors, so that pooling reads one layout, whatever the strides of the maps.
#pragma once

#include "divider.h"
#include "entry.h"
#include "shared.h"

namespace spp::cuda {

constexpr int kMaxDoublings = 4;  // squares of up to 16 x 16
constexpr int kTileRows = 16;
constexpr int kTileColumns = 32;
constexpr int kTableThreads = 256;
constexpr int kTableBlocks = 4;  // on a multiprocessor of 228 KB, whatever the tables

struct TableMap {
  const void* data;
  int64_t image_stride;
  int64_t channel_stride;
  int64_t row_stride;
  int64_t column_stride;
  int32_t height;
  int32_t width;
  int32_t tiles_x;
  int64_t tiles;
  void* tables;
  bool whole_vectors;  // a vector's channels may be read at once
};

struct TableArgs {
  TableMap maps[kMaxMaps];
  int32_t map_count;
  int32_t images;
  int64_t channels;
  int64_t vectors;  // of a cell
  int32_t doublings;
  Divider tile_columns;  // position in a tile and its margin -> row
  int64_t blocks;        // one a map, tile, image and vector of channels
};

SPP_HOST_DEVICE inline int32_t tile_side(int32_t tile, int32_t doublings) { return tile + (1 << doublings) - 1; }

inline size_t table_shared_bytes(int32_t doublings) {
  // Two copies of a tile: a step of doubling reads one and writes the other.
  return 2 * shared_bytes_of<uint4>(tile_side(kTileRows, doublings) * tile_side(kTileColumns, doublings));
}

template <typename T, typename Index>
class TableTile {
  using E = Entries<T, Index>;
  using Cell = Vector<E>;

 public:
  __device__ TableTile(const TableArgs& args, int64_t block) : args_(args) {
    vector_ = block % args.vectors;
    block /= args.vectors;
    image_ = block % args.images;
    block /= args.images;
    int32_t m = 0;
    for (; block >= args.maps[m].tiles; ++m) block -= args.maps[m].tiles;
    map_ = &args.maps[m];
    const int32_t tile = static_cast<int32_t>(block);
    const int32_t tile_row = tile / map_->tiles_x;
    y0_ = tile_row * kTileRows;
    x0_ = (tile - tile_row * map_->tiles_x) * kTileColumns;
  }

  // Reads the tile and what lies up to a square's side beyond it, then doubles the squares step by step.
  __device__ void build() {
    const int32_t rows = tile_side(kTileRows, args_.doublings);
    const int32_t columns = tile_side(kTileColumns, args_.doublings);
    SharedArena arena;
    Shared<Cell> from = arena.take<Cell>(rows * columns);
    Shared<Cell> to = arena.take<Cell>(rows * columns);
    for (int32_t i = threadIdx.x; i < rows * columns; i += kTableThreads) {
      const int32_t y = args_.tile_columns(i);
      const int32_t x = i - y * columns;
      const Cell cell = y0_ + y < map_->height && x0_ + x < map_->width ? read(y0_ + y, x0_ + x) : Cell::empty();
      from[i] = cell;
      write(0, y, x, cell);
    }
    for (int32_t s = 1; s <= args_.doublings; ++s) {
      const int32_t half = 1 << (s - 1);
      __syncthreads();
      // Squares that begin in the tile or are still needed for larger ones that do.
      const int32_t end = (rows - (2 * half - 1)) * columns;
      for (int32_t i = threadIdx.x; i < end; i += kTableThreads) {
        const int32_t y = args_.tile_columns(i);
        const int32_t x = i - y * columns;
        if (x + 2 * half > columns) continue;
        const int32_t bottom = i + half * columns;
        const Cell cell =
            largest_of(Cell(from[i]), Cell(from[bottom]), Cell(from[i + half]), Cell(from[bottom + half]));
        to[i] = cell;
        write(s, y, x, cell);
      }
      const Shared<Cell> other = from;
      from = to;
      to = other;
    }
    __syncthreads();  // the next tile starts in the same memory
  }

 private:
  __device__ Cell read(int32_t y, int32_t x) const {
    const int64_t first = vector_ * Cell::kChannels;
    const T* data = static_cast<const T*>(map_->data) + image_ * map_->image_stride + first * map_->channel_stride +
                    y * map_->row_stride + x * map_->column_stride;
    const uint32_t number = static_cast<uint32_t>(y) * static_cast<uint32_t>(map_->width) + static_cast<uint32_t>(x);
    Cell cell = Cell::empty();
    if (map_->whole_vectors && first + Cell::kChannels <= args_.channels) {
      const auto read = load_run<T, Cell::kChannels>(data);
#pragma unroll
      for (int i = 0; i < Cell::kChannels; ++i) cell.set(i, E::of(read.items[i], number));
    } else {
#pragma unroll
      for (int i = 0; i < Cell::kChannels; ++i) {
        if (first + i < args_.channels) cell.set(i, E::of(data[i * map_->channel_stride], number));
      }
    }
    return cell;
  }

  // Position (y, x) of the tile; what lies beyond tile or map belongs to other tiles or to none.
  __device__ void write(int32_t s, int32_t y, int32_t x, const Cell& cell) const {
    if (y >= kTileRows || x >= kTileColumns || y0_ + y >= map_->height || x0_ + x >= map_->width) return;
    const int64_t position = (int64_t{s} * args_.images + image_) * map_->height + y0_ + y;
    static_cast<Cell*>(map_->tables)[(position * map_->width + x0_ + x) * args_.vectors + vector_] = cell;
  }

  const TableArgs& args_;
  const TableMap* map_;
  int64_t vector_;
  int64_t image_;
  int32_t y0_;
  int32_t x0_;
};

template <typename T, typename Index>
__global__ void __launch_bounds__(kTableThreads) build_tables(const __grid_constant__ TableArgs args) {
  for (int64_t block = blockIdx.x; block < args.blocks; block += gridDim.x) TableTile<T, Index>(args, block).build();
}

}  // namespace spp::cuda
