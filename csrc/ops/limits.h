// What a call may ask for, beside the kernels' own limits (kernels/portable.h): said to Python by build_info.cpp.
#pragma once

#include <cstdint>

namespace spp::ops {

constexpr int64_t kMostBins = int64_t{1} << 24;  // of one pyramid
constexpr double kLargestNumber = 1e30;          // of a rule; scales, strides and offsets must survive float32
constexpr int64_t kLargestShift = 1 << 30;       // of a rule, in cells: as far as corners are let go (window.h)

}  // namespace spp::ops
