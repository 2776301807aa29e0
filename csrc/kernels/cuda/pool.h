// Second step of forward: pools the windows (pool_args.h says how warps are used). Bins of the levels that read the map
// come from the tables; levels that follow from a finer one are merged in shared memory; write_output.h is the way out.
#pragma once

#include "tables.h"
#include "write_output.h"

namespace spp::cuda {

// Where a bin lies, for the warp's first channel: its first cell in the table that serves it, and its size in cells.
struct alignas(16) BinPlace {
  const char* cell;
  int32_t height;
  int32_t width;

  __device__ bool empty() const { return height <= 0 || width <= 0; }

  // The largest squares that fit the bin have sides of 2^table cells.
  __device__ int32_t table(int32_t doublings) const { return smaller(31 - __clz(smaller(height, width)), doublings); }
};

template <typename T, typename Index>
class WindowPool {
  using E = Entries<T, Index>;
  using Bin = Vector<E>;
  static_assert(std::has_unique_object_representations_v<Bin>, "a BinPlace travels in a Bin");

 public:
  __device__ WindowPool(const PoolArgs& args, Team team, Shared<Bin> buffer, int64_t row, int64_t chunk)
      : args_(args),
        team_(team),
        buffer_(buffer),
        emit_(args, team, buffer, row, chunk),
        row_(row),
        first_vector_(chunk * kChunkVectors),
        vectors_(static_cast<int32_t>(smaller<int64_t>(args.vectors - first_vector_, kChunkVectors))) {}

  __device__ void run() {
    const int32_t source = args_.sources[row_];
    if (source == kBadRow) return emit_.bad_row();
    const Pyramid& pyramid = args_.pyramid;
    const bool whole = args_.buffer_bins >= pyramid.bins;
    // What the buffer holds at a time: all levels, or a run of bins of one level where they do not fit.
    int32_t begin = 0;
    int32_t first = 0;
    while (begin < pyramid.count) {
      const int32_t end = whole ? pyramid.count : begin + 1;
      const int32_t count = whole ? 0 : smaller(args_.buffer_bins, pyramid.levels[begin].bins() - first);
      bool any_empty = false;
      for (int32_t i = begin; i < end; ++i) {
        const int32_t l = whole ? pyramid.order[i] : i;
        const Level& level = pyramid.levels[l];
        if (level.source >= 0) {
          merge_bins(l);
        } else {
          any_empty |= read_bins(source, l, first, whole ? level.bins() : count, whole ? level.first_bin : 0);
        }
        team_.sync();
      }
      if (any_empty || !team_.alone()) zero_empty_bins(whole ? pyramid.bins : count);
      for (int32_t l = begin; l < end; ++l) {
        const Level& level = pyramid.levels[l];
        emit_.level(l, first, whole ? level.bins() : count, whole ? level.first_bin : 0);
      }
      team_.sync();
      first += count;
      if (whole || first >= pyramid.levels[begin].bins()) {
        begin = end;
        first = 0;
      }
    }
  }

 private:
  __device__ int32_t column() const { return team_.lane(); }  // which vector of the chunk, and every eighth after it

  // The vectors that the lane reads. Past the last one of the chunk it reads that one again, which nobody writes out,
  // so that all loads are alike.
  __device__ int32_t vector(int v) const { return smaller(column() + v * kLanes, vectors_ - 1); }

  // Bins [first, first + count) of level l, from the map, into the buffer from `place` on. Returns whether one of them
  // that the warp looked at has no cells.
  __device__ bool read_bins(int32_t source, int32_t l, int32_t first, int32_t count, int32_t place) {
    const int32_t m = args_.map_of(source);
    const PoolMap& map = args_.maps[m];
    const bool own_empty = locate_bins(map, source - m * args_.images, l, first, count, place);
    const bool any_empty = any_lane(own_empty);
    team_.sync();
#pragma unroll 1
    for (int32_t i = team_.group(); i < count; i += team_.groups()) {
      const int32_t at = (place + i) * kPitch;
      const BinPlace bin = bits_as<BinPlace>(Bin(buffer_[at + kChunkVectors]));
      read_bin(map, bin, at);
    }
    return any_empty;
  }

  __device__ bool locate_bins(const PoolMap& map, int32_t image, int32_t l, int32_t first, int32_t count,
                              int32_t place) {
    const Level& level = args_.pyramid.levels[l];
    const Range* row_ranges = args_.ranges + row_ * args_.layout.per_row + args_.layout.first[l];
    const char* tables =
        static_cast<const char*>(map.tables) + image * map.image_bytes + first_vector_ * int64_t{sizeof(Bin)};
    bool empty = false;
#pragma unroll 1
    for (int32_t i = team_.thread(); i < count; i += team_.threads()) {
      const int32_t bin_row = args_.levels[l].columns(first + i);
      const Range rows = load_range(row_ranges + bin_row);
      const Range columns = load_range(row_ranges + level.rows + first + i - bin_row * level.columns);
      BinPlace bin = {nullptr, rows.size(), columns.size()};
      empty |= bin.empty();
      if (!bin.empty()) {
        bin.cell =
            tables + bin.table(args_.doublings) * map.table_bytes + cell_offset(rows.begin * map.width + columns.begin);
      }
      buffer_[(place + i) * kPitch + kChunkVectors] = bits_as<Bin>(bin);
    }
    return empty;
  }

  __device__ uint64_t cell_offset(uint32_t cell) const { return uint64_t{cell} * args_.cell_bytes; }

  // Covers the bin with the largest squares that fit; those at its far edges are moved back into it. Squares are taken
  // two by two, which is most often all of them, so that many loads are under way; one taken twice does no harm.
  __device__ void read_bin(const PoolMap& map, const BinPlace& bin, int32_t at) {
    Bin best[kLaneVectors];
#pragma unroll
    for (int v = 0; v < kLaneVectors; ++v) best[v] = Bin::empty();
    if (!bin.empty()) {
      const int32_t side = 1 << bin.table(args_.doublings);
      const char* corner = bin.cell;
#pragma unroll 1
      for (int32_t y = 0; y < bin.height; y += 2 * side) {
        const uint32_t top = smaller(y, bin.height - side) * map.width;
        const uint32_t bottom = smaller(y + side, bin.height - side) * map.width;
#pragma unroll 1
        for (int32_t x = 0; x < bin.width; x += 2 * side) {
          const uint32_t left = smaller(x, bin.width - side);
          const uint32_t right = smaller(x + side, bin.width - side);
          const char* squares[4] = {corner + cell_offset(top + left), corner + cell_offset(top + right),
                                    corner + cell_offset(bottom + left), corner + cell_offset(bottom + right)};
          Bin loaded[kLaneVectors][4];
#pragma unroll
          for (int v = 0; v < kLaneVectors; ++v) {
#pragma unroll
            for (int k = 0; k < 4; ++k) loaded[v][k] = load_bin(squares[k] + vector(v) * sizeof(Bin));
          }
#pragma unroll
          for (int v = 0; v < kLaneVectors; ++v) {
            best[v] = largest_of(best[v], loaded[v][0], loaded[v][1], loaded[v][2], loaded[v][3]);
          }
        }
      }
    }
#pragma unroll
    for (int v = 0; v < kLaneVectors; ++v) buffer_[at + column() + v * kLanes] = best[v];
  }

  __device__ static Bin load_bin(const char* at) {
    return bits_as<Bin>(load_produced(reinterpret_cast<const uint4*>(at)));
  }

  // All bins of level l, from those of the finer level.
  __device__ void merge_bins(int32_t l) {
    const Level& level = args_.pyramid.levels[l];
    const Level& finer = args_.pyramid.levels[level.source];
    const int32_t height = level.merged_rows;
    const int32_t width = level.merged_columns;
#pragma unroll 1
    for (int32_t i = team_.group(); i < level.bins(); i += team_.groups()) {
      const int32_t bin_row = args_.levels[l].columns(i);
      const int32_t row = bin_row * height;
      const int32_t left = (i - bin_row * level.columns) * width;
      Bin best[kLaneVectors];
#pragma unroll
      for (int v = 0; v < kLaneVectors; ++v) best[v] = Bin::empty();
#pragma unroll 1
      for (int32_t y = 0; y < height; ++y) {
        const int32_t line = (finer.first_bin + (row + y) * finer.columns + left) * kPitch + column();
#pragma unroll 1
        for (int32_t x = 0; x < width; x += 2) {
          const int32_t a = line + x * kPitch;
          const int32_t b = line + smaller(x + 1, width - 1) * kPitch;
#pragma unroll
          for (int v = 0; v < kLaneVectors; ++v) {
            best[v] = largest_of(best[v], Bin(buffer_[a + v * kLanes]), Bin(buffer_[b + v * kLanes]));
          }
        }
      }
      const int32_t at = (level.first_bin + i) * kPitch + column();
#pragma unroll
      for (int v = 0; v < kLaneVectors; ++v) buffer_[at + v * kLanes] = best[v];
    }
  }

  // A group looks at its own bins.
  __device__ void zero_empty_bins(int32_t count) {
#pragma unroll 1
    for (int32_t first = 0; first < count; first += team_.groups()) {
      const int32_t i = first + team_.group();
      const bool empty = i < count && Bin(buffer_[i * kPitch]).is_empty();
      sync_warp();
      for (int32_t v = column(); empty && v < kChunkVectors; v += kLanes)
        buffer_[i * kPitch + v] = Bin::filled(E::zero());
    }
    team_.sync();
  }

  const PoolArgs& args_;
  const Team team_;
  const Shared<Bin> buffer_;
  const WindowEmit<T, Index> emit_;
  const int64_t row_;
  const int64_t first_vector_;
  const int32_t vectors_;  // of this chunk
};

template <typename T, typename Index>
__global__ void SPP_LAUNCH_BOUNDS(kPoolWarps* kWarpSize, kPoolBlocks)
    pool_windows(const __grid_constant__ PoolArgs args) {
  using Bin = Vector<Entries<T, Index>>;
  SharedArena arena;
  const int32_t teams = args.team_warps == 1 ? kPairWarps : 1;
  const int32_t own = threadIdx.x / (args.team_warps * kWarpSize);
  const int32_t buffer_vectors = args.buffer_bins * kPitch;
  const Shared<Bin> buffer = arena.take<Bin>(teams * buffer_vectors).part(own * buffer_vectors, buffer_vectors);
  const int64_t chunks = ceil_div(args.vectors, kChunkVectors);
  wait_for_earlier_kernels();
  for (int64_t chunk = blockIdx.y; chunk < chunks; chunk += gridDim.y) {
    for (int64_t row = int64_t{blockIdx.x} * teams + own; row < args.rows; row += int64_t{gridDim.x} * teams) {
      WindowPool<T, Index>(args, Team(args.team_warps), buffer, row, chunk).run();
    }
  }
}

}  // namespace spp::cuda
