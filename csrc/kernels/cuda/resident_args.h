// Map slices resident in shared memory: what a launch is told, and how a block's memory is shared out.
//
// A block owns one 16-byte vector of channels of one image of one map: a slice. It makes the slice's tables of maxima
// (tables.h says what they are) in shared memory and then pools the windows on that image from there, a warp a few rows
// at a time. No table is ever in global memory, and no cell is read from it but once.
#pragma once

#include "place_bins.h"
#include "shared.h"
#include "spans.h"

namespace spp::cuda {

constexpr int kResidentThreads = 512;
constexpr int kResidentWarps = kResidentThreads / kWarpSize;
constexpr int kResidentBlocks = 2;  // on a multiprocessor, if shared memory lets them: 64 registers a thread
constexpr int kMostBatchRows = 8;   // that a warp works on at a time
constexpr int kMostResidentDoublings = 4;

struct ResidentMap {
  const void* data;
  int64_t image_stride;
  int64_t channel_stride;
  int64_t row_stride;
  int64_t column_stride;
  int64_t blocks;  // one an image, share of its rows and vector of channels
  int32_t height;
  int32_t width;
  Divider rows;  // cell -> row
  int32_t doublings;
  bool whole_vectors;  // a vector's channels may be read at once
};

struct ResidentLevel {
  int32_t first;    // position of the level's bins among the records of a row; -1: merged from a finer level
  Divider bins;     // item -> row of the batch or channel
  Divider columns;  // bin -> row of bins
  Divider staged;   // item of a row's channels and bins -> row of the batch
  bool runs;        // the numbers of a vector's channels leave by one store
};

struct ResidentArgs {
  ResidentMap maps[kMaxMaps];
  ResidentLevel levels[kMaxLevels];
  Pyramid pyramid;
  const BinSquares* bins;
  int32_t per_row;
  const int32_t* sources;
  const uint64_t* spans;  // see spans.h
  int64_t rows;
  int64_t channels;
  int64_t vectors;  // of a cell
  int32_t map_count;
  int32_t images;
  int32_t shares;         // blocks that share the rows of a slice
  int32_t table_vectors;  // of the largest slice with all its tables
  int32_t batch;          // rows that a warp works on at a time
  int64_t blocks;
  void* output;
  int64_t output_stride;
  void* indices;
};

// A list of rows of one warp: those of one batch and what one look at 32 rows may add.
constexpr int kListedRows = kMostBatchRows + kWarpSize;

// The tables, then for each warp its list of rows and its batch: 16 bytes a bin and row, for all channels of a vector.
inline size_t resident_shared_bytes(int64_t table_vectors, int32_t batch, int32_t bins) {
  return shared_bytes_of<uint4>(table_vectors) + shared_bytes_of<int32_t>(kResidentWarps * kListedRows) +
         shared_bytes_of<uint4>(int64_t{kResidentWarps} * batch * bins);
}

}  // namespace spp::cuda
