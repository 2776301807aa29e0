// Where the rows of each image are. Rows usually lie image by image, and a block that owns an image then looks through
// its own rows only.
#pragma once

#include "launch.h"

namespace spp::cuda {

struct SpanArgs {
  const int32_t* sources;
  int64_t source_count;
  int64_t rows;
  uint64_t* spans;  // null where there is one source only: its rows are all rows
};

inline size_t span_bytes(int64_t source_count) { return source_count > 1 ? 2 * sizeof(uint64_t) * source_count : 0; }

// For each source s: spans[2 * s] becomes its first row, spans[2 * s + 1] how many rows come after its last one.
void find_spans(const SpanArgs& args, Stream stream);

// The same by two steps: first every span is that of no row; then every row is noted.
void clear_spans(const SpanArgs& args, Stream stream);

// Notes row r, of `source`, if it may be the first or the last one: `source_at(other)` says what its neighbors are.
template <typename SourceAt>
__device__ void note_span(uint64_t* spans, int32_t source, int64_t r, int64_t rows, const SourceAt& source_at) {
#pragma unroll 1
  for (int32_t last = 0; last < 2; ++last) {
    const int64_t neighbor = last != 0 ? r + 1 : r - 1;
    if (neighbor >= 0 && neighbor < rows && source_at(neighbor) == source) continue;
    atomicMin(reinterpret_cast<unsigned long long*>(spans + 2 * source + last),
              static_cast<unsigned long long>(last != 0 ? rows - 1 - r : r));
  }
}

struct RowSpan {
  int64_t begin;
  int64_t end;
};

// The rows among which those of a source are; null spans: every row may be one.
__device__ inline RowSpan span_of(const uint64_t* spans, int32_t source, int64_t rows) {
  if (spans == nullptr) return {0, rows};
  const uint64_t before = spans[2 * source];
  if (before >= static_cast<uint64_t>(rows)) return {0, 0};  // untouched: no row has this source
  return {static_cast<int64_t>(before), rows - static_cast<int64_t>(spans[2 * source + 1])};
}

}  // namespace spp::cuda
