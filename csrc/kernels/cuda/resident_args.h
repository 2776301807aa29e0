// Map slices resident in shared memory: what a launch is told, and how a block's memory is shared out.
//
// A block owns one 16-byte vector of channels of one image of one map: a slice. It makes the slice's tables of maxima
// (tables.h says what they are) in shared memory and then pools the windows on that image from there, a warp a batch of
// rows at a time. No table is ever in global memory, and no cell is read from it but once.
#pragma once

#include "project_bins.h"
#include "shared.h"
#include "spans.h"

namespace spp::cuda {

constexpr int kResidentThreads = 512;
constexpr int kResidentWarps = kResidentThreads / kWarpSize;
constexpr int kResidentBlocks = 2;  // on a multiprocessor, if shared memory lets them: 64 registers a thread
constexpr int kMostBatchRows = 8;   // that a warp works on at a time

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
  Divider bins;     // bins of several rows or channels -> which of these
  Divider columns;  // bin -> row of bins
};

struct ResidentArgs {
  ResidentMap maps[kMaxMaps];
  Pyramid pyramid;
  ResidentLevel levels[kMaxLevels];
  const BinSquares* bins;
  int32_t first[kMaxLevels];  // position of a level's bins among the records of a row, or among its merged bins
  int32_t per_row;            // records of a row: one a bin that is read from the map
  int32_t merged;             // bins of a row that follow from finer ones
  const int32_t* sources;
  const uint64_t* spans;  // see spans.h
  int64_t rows;
  int64_t channels;
  int64_t vectors;  // of a cell
  int32_t images;
  int32_t shares;         // blocks that share the rows of a slice
  int32_t table_vectors;  // of the largest slice with all its tables
  int32_t batch;          // rows that a warp works on at a time
  bool runs;              // the numbers of a vector's channels always leave by one store
  int64_t blocks;
  void* output;
  int64_t output_stride;
  void* indices;
};

// A list of rows of one warp: those of one batch and what one look at 32 rows may add.
constexpr int kListedRows = kMostBatchRows + kWarpSize;
// A batch knows of each of its rows where its records, its output and its indices begin.
constexpr int kRowPointers = 3;

// The tables and the lists of items (resident_items.h), then for each warp its rows and its batch: 16 bytes a bin and
// row for all channels of a vector, of which there are at most `channels`.
inline size_t resident_shared_bytes(int64_t table_vectors, const ResidentArgs& args, int channels) {
  const int64_t rows = args.batch;
  return shared_bytes_of<uint4>(table_vectors) + shared_bytes_of<uint2>(rows * args.per_row) +
         shared_bytes_of<uint32_t>(rows * args.merged * channels) + shared_bytes_of<uint2>(rows * args.pyramid.bins) +
         shared_bytes_of<int32_t>(kResidentWarps * kListedRows) +
         shared_bytes_of<uint64_t>(kResidentWarps * rows * kRowPointers) +
         shared_bytes_of<uint4>(kResidentWarps * rows * args.pyramid.bins);
}

}  // namespace spp::cuda
