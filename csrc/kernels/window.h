// From a box in image pixels to a window of cells: every projection rule, the choice of map, clamping.
//
// A corner is projected as round_op((x * image_scale + offset) / stride) + shift. The rules of the paper, of its
// journal version, of the authors' code and of Caffe's RoI pooling are all of this form and differ only in the numbers.
#pragma once

#include <cmath>

#include "portable.h"

namespace spp {

enum class RoundOp : int32_t { kFloor = 0, kCeil = 1, kNearest = 2 };  // nearest: halves away from zero

// What becomes of a projected window.
enum class Fit : int32_t {
  kAsIs = 0,       // kept, also where it is empty or leaves the map: bins are laid first and clipped then
  kOneCell = 1,    // the same, but an extent is at least one cell
  kClampToMap = 2  // a reversed window becomes its middle cell; corners are clamped: never empty, never outside
};

struct CornerRule {
  double offset;
  RoundOp round_op;
  int32_t shift;
};

struct AxisRule {
  double image_scale;
  double stride;
  CornerRule low;
  CornerRule high;  // gives the half-open end
};

struct Projection {
  AxisRule x;
  AxisRule y;
  Fit fit;
};

// How many doubles encode a Projection where it crosses a language border (see projection_from_numbers).
constexpr int kProjectionNumbers = 17;

// Order: for x, then for y: image_scale, stride, low (offset, round_op, shift), high (offset, round_op, shift); then
// fit.
inline Projection projection_from_numbers(const double* n) {
  const auto corner = [](const double* c) {
    return CornerRule{c[0], static_cast<RoundOp>(static_cast<int32_t>(c[1])), static_cast<int32_t>(c[2])};
  };
  const auto axis = [&](const double* a) { return AxisRule{a[0], a[1], corner(a + 2), corner(a + 5)}; };
  return {axis(n), axis(n + 8), static_cast<Fit>(static_cast<int32_t>(n[16]))};
}

// Cells of one map that a box covers, before bins are clipped to the map.
struct Window {
  int64_t x;
  int64_t y;
  int64_t width;
  int64_t height;
};

// Plain products and sums on every processor: a fused multiply-add rounds once where this rounds twice, and a corner on
// the edge between two cells would then fall differently. CPU builds are compiled with -ffp-contract=off for the same
// reason.
SPP_HOST_DEVICE inline float multiply(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}

SPP_HOST_DEVICE inline double multiply(double a, double b) {
#if defined(__CUDA_ARCH__)
  return __dmul_rn(a, b);
#else
  return a * b;
#endif
}

// T is the precision of the boxes: float for 16- and 32-bit boxes, double for 64-bit ones.
template <typename T>
SPP_HOST_DEVICE int64_t project_corner(T position, const AxisRule& axis, const CornerRule& corner) {
  const T cells = (multiply(position, static_cast<T>(axis.image_scale)) + static_cast<T>(corner.offset)) /
                  static_cast<T>(axis.stride);
  const T rounded = corner.round_op == RoundOp::kFloor  ? std::floor(cells)
                    : corner.round_op == RoundOp::kCeil ? std::ceil(cells)
                                                        : std::round(cells);
  constexpr T kFar = 1 << 30;  // far outside any map, and small enough for bin arithmetic in 64 bits
  return static_cast<int64_t>(clamp<T>(rounded, -kFar, kFar)) + corner.shift;
}

SPP_HOST_DEVICE inline void fit_axis(Fit fit, int32_t limit, int64_t& low, int64_t& high) {
  if (fit == Fit::kAsIs) {
    high = larger(high, low);
  } else if (fit == Fit::kOneCell) {
    high = larger(high, low + 1);
  } else {
    int64_t last = high - 1;
    if (last < low) {
      const int64_t sum = low + last;
      low = last = (sum - (sum < 0 && sum % 2 != 0)) / 2;  // floor of the half
    }
    low = clamp<int64_t>(low, 0, limit - 1);
    high = clamp<int64_t>(last, 0, limit - 1) + 1;
  }
}

// `box` is x1, y1, x2, y2; a map has `height` x `width` cells.
template <typename T>
SPP_HOST_DEVICE Window project_window(const T box[4], const Projection& rule, int32_t height, int32_t width) {
  int64_t x1 = project_corner(box[0], rule.x, rule.x.low);
  int64_t x2 = project_corner(box[2], rule.x, rule.x.high);
  int64_t y1 = project_corner(box[1], rule.y, rule.y.low);
  int64_t y2 = project_corner(box[3], rule.y, rule.y.high);
  fit_axis(rule.fit, width, x1, x2);
  fit_axis(rule.fit, height, y1, y2);
  return {x1, y1, x2 - x1, y2 - y1};
}

// The map on which the box, scaled as the map's image was, has the area nearest to `target_area` (paper, section 5.1);
// of equally near ones the first. `maps` are things with a `projection`.
template <typename T, typename Map>
SPP_HOST_DEVICE int32_t nearest_map(const T box[4], const Map* maps, int32_t count, double target_area) {
  const double width = larger(static_cast<double>(box[2]) - static_cast<double>(box[0]) + 1.0, 0.0);
  const double height = larger(static_cast<double>(box[3]) - static_cast<double>(box[1]) + 1.0, 0.0);
  int32_t nearest = 0;
  double least = 0;
  for (int32_t m = 0; m < count; ++m) {
    const Projection& rule = maps[m].projection;
    const double area = multiply(multiply(width, rule.x.image_scale), multiply(height, rule.y.image_scale));
    const double distance = std::fabs(area - target_area);
    if (m == 0 || distance < least) {
      nearest = m;
      least = distance;
    }
  }
  return nearest;
}

}  // namespace spp
