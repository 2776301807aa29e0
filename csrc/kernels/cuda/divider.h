// Division of a small number by one that is known before the launch: a multiplication and a shift (Granlund and
// Montgomery, 1994). The kernels take bin numbers apart with it.
#pragma once

#include "launch.h"

namespace spp::cuda {

class Divider {
 public:
  Divider() = default;

  explicit Divider(uint32_t divisor) {
    while ((uint64_t{1} << shift_) < divisor) ++shift_;
    multiplier_ = static_cast<uint32_t>(((uint64_t{1} << 32) * ((uint64_t{1} << shift_) - divisor)) / divisor + 1);
  }

  // Exact for every 0 <= n < 2^31.
  __device__ int32_t operator()(int32_t n) const {
    const uint32_t number = static_cast<uint32_t>(n);
    return static_cast<int32_t>((__umulhi(number, multiplier_) + number) >> shift_);
  }

 private:
  uint32_t multiplier_ = 0;
  uint32_t shift_ = 0;
};

}  // namespace spp::cuda
