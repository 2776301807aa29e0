// 16-bit floating point as plain bits: exact to float32, rounded to nearest even on the way back. Branch-free, so that
// loops over it vectorize.
#pragma once

#include "pool_max.h"

namespace spp {

struct Float16 {
  uint16_t bits;
};

struct BFloat16 {
  uint16_t bits;
};

// The rule of pool_max.h for 16 bits: their keys come from the bits alone, without a detour through float32.
template <>
struct Order<Float16> {
  using Key = int16_t;
  static constexpr Key kEmpty = INT16_MIN;
  static constexpr Key kNaN = 0x7E00;
  static constexpr Key kMagnitude = INT16_MAX;
  static constexpr Key kInfinity = 0x7C00;
};

template <>
struct Order<BFloat16> {
  using Key = int16_t;
  static constexpr Key kEmpty = INT16_MIN;
  static constexpr Key kNaN = 0x7FC0;
  static constexpr Key kMagnitude = INT16_MAX;
  static constexpr Key kInfinity = 0x7F80;
};

SPP_HOST_DEVICE inline float to_float(float value) { return value; }
SPP_HOST_DEVICE inline double to_float(double value) { return value; }

SPP_HOST_DEVICE inline float to_float(BFloat16 value) {
  return bits_as<float>(static_cast<uint32_t>(value.bits) << 16);
}

SPP_HOST_DEVICE inline float to_float(Float16 value) {
  const uint32_t sign = static_cast<uint32_t>(value.bits & 0x8000) << 16;
  const uint32_t magnitude = static_cast<uint32_t>(value.bits & 0x7FFF) << 13;
  // Reading the bits as float32 gives the value times 2^-112 (subnormals included); inf and NaN need their exponent
  // filled.
  const uint32_t finite = bits_as<uint32_t>(bits_as<float>(magnitude) * 5.192296858534828e33f);
  const uint32_t special = magnitude | 0x7F800000;
  return bits_as<float>(sign | (magnitude >= 0x0F800000 ? special : finite));
}

template <typename T>
SPP_HOST_DEVICE inline T from_float(float value) {
  return value;
}

template <typename T>
SPP_HOST_DEVICE inline T from_float(double value) {
  return value;
}

template <>
SPP_HOST_DEVICE inline BFloat16 from_float<BFloat16>(float value) {
  const uint32_t bits = bits_as<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  return {static_cast<uint16_t>(value != value ? 0x7FC0 : rounded)};
}

template <>
SPP_HOST_DEVICE inline Float16 from_float<Float16>(float value) {
  const uint32_t bits = bits_as<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000;
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  // Normal results: drop 13 bits with rounding and rebias. Below 2^-14, adding 0.5 lets the adder shift and round.
  const uint32_t normal = (magnitude - 0x38000000 + 0xFFF + ((magnitude >> 13) & 1)) >> 13;
  const uint32_t small = bits_as<uint32_t>(bits_as<float>(magnitude) + 0.5f) - 0x3F000000;
  uint32_t half = magnitude < 0x38800000 ? small : normal;
  half = magnitude >= 0x477FF000 ? 0x7C00 : half;  // rounds to 65,536 or more: inf
  half = magnitude > 0x7F800000 ? 0x7E00 : half;   // NaN
  return {static_cast<uint16_t>(sign | half)};
}

// The type arithmetic is done in: float32 for the 16-bit types.
template <typename T>
struct Wide {
  using type = float;
};

template <>
struct Wide<double> {
  using type = double;
};

}  // namespace spp
