// Where bins lie, and which row a thread's bin is of, without 64-bit divisions: numbers are small in all but odd calls,
// and then a multiplication divides them (divider.h).
#pragma once

#include "divider.h"

namespace spp::cuda {

// bin_range of pyramid.h for the bins of a level along one axis.
class BinEdges {
 public:
  BinEdges() = default;

  explicit BinEdges(int32_t bins) : by_(static_cast<uint32_t>(bins)), bins_(bins), most_extent_(INT32_MAX / bins - 1) {}

  __device__ Range operator()(int64_t low, int64_t extent, int32_t index, int32_t limit) const {
    if (extent > most_extent_) return bin_range(low, extent, bins_, index, limit);
    return bin_range_by(low, static_cast<int32_t>(extent), bins_, index, limit, by_);
  }

  // A number of a bin over the number of bins.
  __device__ int32_t quotient(int32_t number) const { return by_(number); }

 private:
  Divider by_;
  int32_t bins_ = 1;
  int32_t most_extent_ = 0;  // of windows whose products with numbers of bins have 31 bits
};

struct LevelEdges {
  BinEdges rows;
  BinEdges columns;
};

inline LevelEdges edges_of(const Level& level) { return {BinEdges(level.rows), BinEdges(level.columns)}; }

// Takes a thread's number apart into a row and what it does for the row.
class RowItems {
 public:
  RowItems() = default;

  RowItems(int64_t rows, int32_t per_row)
      : total_(rows * per_row), per_row_(per_row), by_(static_cast<uint32_t>(per_row)) {}

  SPP_HOST_DEVICE int64_t total() const { return total_; }
  SPP_HOST_DEVICE int32_t per_row() const { return per_row_; }
  __device__ int64_t row(int64_t i) const { return total_ <= INT32_MAX ? by_(static_cast<int32_t>(i)) : i / per_row_; }
  __device__ int32_t item(int64_t i, int64_t row) const { return static_cast<int32_t>(i - row * per_row_); }

 private:
  int64_t total_ = 0;
  int32_t per_row_ = 1;
  Divider by_;
};

}  // namespace spp::cuda
