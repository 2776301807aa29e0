// Where bins lie, and which row a thread's bin is of, without 64-bit divisions: numbers are small in all but odd calls,
// and then a multiplication divides them (divider.h).
#pragma once

#include "divider.h"

namespace spp::cuda {

// How the bins of a level divide, along each axis.
struct LevelDividers {
  Divider rows;
  Divider columns;

  LevelDividers() = default;
  explicit LevelDividers(const Level& level)
      : rows(static_cast<uint32_t>(level.rows)), columns(static_cast<uint32_t>(level.columns)) {}
};

// bin_range of pyramid.h; `by` divides by `bins`.
__device__ inline Range bin_range_by(const Divider& by, int64_t low, int64_t extent, int32_t bins, int32_t index,
                                     int32_t limit) {
  // No product of the extent with the number of a bin has more than 31 bits.
  if ((extent + 1) * bins > INT32_MAX) return bin_range(low, extent, bins, index, limit);
  return bin_range_with(low, static_cast<int32_t>(extent), bins, index, limit, by);
}

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
