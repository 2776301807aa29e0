// Tables of maxima over squares of cells: the other half of the first step of forward (prepare.h).
//
// Table s of a map holds at (y, x) the largest entry of the 2^s x 2^s cells that begin there; table 0 is the map
// itself. A bin is then the maximum of a few, overlapping squares instead of all its cells (two by two of them where
// its sides are within a factor of two), whatever its size. All tables lie [table, image, cell, channel] with channels
// in whole 16-byte vectors, so that pooling reads one layout, whatever the strides of the maps.
#pragma once

#include "../roi.h"
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
  void* tables;
  int64_t tiles;
  int32_t tiles_x;
  bool whole_vectors;  // a vector's channels may be read at once
};

// Beside the maps themselves, which the rows are placed on.
struct TableArgs {
  TableMap maps[kMaxMaps];
  int64_t vectors;  // of a cell
  int32_t doublings;
  bool under_windows;    // only tiles that a window reaches are made
  Divider tile_columns;  // position in a tile and its margin -> row
  int64_t blocks;        // one a map, tile, image and vector of channels
};

constexpr int kMostScannedRows = kTableThreads;  // where a block looks for windows that reach its tile

SPP_HOST_DEVICE inline int32_t tile_side(int32_t tile, int32_t doublings) { return tile + (1 << doublings) - 1; }

inline size_t table_shared_bytes(int32_t doublings) {
  // Two copies of a tile: a step of doubling reads one and writes the other.
  return 2 * shared_bytes_of<uint4>(tile_side(kTileRows, doublings) * tile_side(kTileColumns, doublings)) +
         shared_bytes_of<int32_t>(1);
}

template <typename T, typename Index>
class TableTile {
  using E = Entries<T, Index>;
  using Cell = Vector<E>;

 public:
  __device__ TableTile(const ForwardArgs& forward, const TableArgs& args, int64_t block)
      : forward_(forward), args_(args) {
    vector_ = block % args.vectors;
    block /= args.vectors;
    image_ = static_cast<int32_t>(block % forward.images);
    block /= forward.images;
    for (; block >= args.maps[m_].tiles; ++m_) block -= args.maps[m_].tiles;
    map_ = &args.maps[m_];
    features_ = &forward.maps[m_];
    const int32_t tile = static_cast<int32_t>(block);
    const int32_t tile_row = tile / map_->tiles_x;
    y0_ = tile_row * kTileRows;
    x0_ = (tile - tile_row * map_->tiles_x) * kTileColumns;
  }

  // Makes the tile's part of every table, if a window reaches it.
  __device__ void build() {
    SharedArena arena;
    reached_ = arena.take<int32_t>(1);
    if (!args_.under_windows || reached()) make(arena);
    __syncthreads();  // the next tile starts in the same memory
  }

 private:
  // Whether a window on this map and image has cells in the tile. Squares begin in windows, so others are not read.
  __device__ bool reached() {
    if (threadIdx.x == 0) reached_[0] = 0;
    __syncthreads();
    for (int64_t r = threadIdx.x; r < forward_.boxes.count; r += kTableThreads) {
      const Roi roi = project_row(forward_, r);
      if (roi.map != m_ || roi.image != image_) continue;
      const Window& window = roi.window;
      if (window.y < y0_ + kTileRows && window.y + window.height > y0_ && window.x < x0_ + kTileColumns &&
          window.x + window.width > x0_) {
        reached_.atomic_or(0, 1);
      }
    }
    __syncthreads();
    return reached_[0] != 0;
  }

  // Reads the tile and what lies up to a square's side beyond it, then doubles the squares step by step.
  __device__ void make(SharedArena& arena) {
    const int32_t rows = tile_side(kTileRows, args_.doublings);
    const int32_t columns = tile_side(kTileColumns, args_.doublings);
    Shared<Cell> from = arena.take<Cell>(rows * columns);
    Shared<Cell> to = arena.take<Cell>(rows * columns);
    for (int32_t i = threadIdx.x; i < rows * columns; i += kTableThreads) {
      const int32_t y = args_.tile_columns(i);
      const int32_t x = i - y * columns;
      const Cell cell =
          y0_ + y < features_->height && x0_ + x < features_->width ? read(y0_ + y, x0_ + x) : Cell::empty();
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
  }

  __device__ Cell read(int32_t y, int32_t x) const {
    const FeatureMap& map = *features_;
    const int64_t first = vector_ * Cell::kChannels;
    const T* data = static_cast<const T*>(map.data) + image_ * map.image_stride + first * map.channel_stride +
                    y * map.row_stride + x * map.column_stride;
    const uint32_t number = static_cast<uint32_t>(y) * static_cast<uint32_t>(map.width) + static_cast<uint32_t>(x);
    Cell cell = Cell::empty();
    if (map_->whole_vectors && first + Cell::kChannels <= forward_.channels) {
      const auto read = load_run<T, Cell::kChannels>(data);
#pragma unroll
      for (int i = 0; i < Cell::kChannels; ++i) cell.set(i, E::of(read.items[i], number));
    } else {
#pragma unroll
      for (int i = 0; i < Cell::kChannels; ++i) {
        if (first + i < forward_.channels) cell.set(i, E::of(data[i * map.channel_stride], number));
      }
    }
    return cell;
  }

  // Position (y, x) of the tile; what lies beyond tile or map belongs to other tiles or to none.
  __device__ void write(int32_t s, int32_t y, int32_t x, const Cell& cell) const {
    if (y >= kTileRows || x >= kTileColumns || y0_ + y >= features_->height || x0_ + x >= features_->width) return;
    const int64_t position = (int64_t{s} * forward_.images + image_) * features_->height + y0_ + y;
    static_cast<Cell*>(map_->tables)[(position * features_->width + x0_ + x) * args_.vectors + vector_] = cell;
  }

  const ForwardArgs& forward_;
  const TableArgs& args_;
  const TableMap* map_;
  const FeatureMap* features_;
  Shared<int32_t> reached_;
  int64_t vector_;
  int32_t m_ = 0;
  int32_t image_;
  int32_t y0_;
  int32_t x0_;
};

}  // namespace spp::cuda
