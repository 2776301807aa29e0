// The one rule for the maximum of a bin: the first maximum in row-major order wins, and NaN wins over everything.
//
// Values become integers that keep this order (a NaN above +inf, -0 equal to +0), so that a maximum is one integer
// comparison and merging partial bins in any order gives the same result. A bin with no cell holds kEmpty.
#pragma once

#include <cstring>

#include "portable.h"

namespace spp {

template <typename To, typename From>
SPP_HOST_DEVICE inline To bits_as(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To result;
  __builtin_memcpy(&result, &value, sizeof(To));  // the compilers' own, which every kind of device code has
  return result;
}

// Order-preserving integer of a value, and back; the 16-bit types are in half.h.
template <typename T>
struct Order;

template <>
struct Order<float> {
  using Key = int32_t;
  static constexpr Key kEmpty = INT32_MIN;  // below the key of -inf
  static constexpr Key kNaN = 0x7FC00000;
  static constexpr Key kMagnitude = INT32_MAX;
};

template <>
struct Order<double> {
  using Key = int64_t;
  static constexpr Key kEmpty = INT64_MIN;
  static constexpr Key kNaN = 0x7FF8000000000000;
  static constexpr Key kMagnitude = INT64_MAX;
};

template <typename T>
SPP_HOST_DEVICE inline typename Order<T>::Key key_of(T value) {
  using Key = typename Order<T>::Key;
  const Key bits = bits_as<Key>(value + T(0));  // -0 + 0 is +0
  const Key key = bits ^ ((bits >> (8 * sizeof(Key) - 1)) & Order<T>::kMagnitude);
  return value != value ? Order<T>::kNaN : key;
}

template <typename T>
SPP_HOST_DEVICE inline T value_of(typename Order<T>::Key key) {
  using Key = typename Order<T>::Key;
  return bits_as<T>(static_cast<Key>(key ^ ((key >> (8 * sizeof(Key) - 1)) & Order<T>::kMagnitude)));
}

// A key and the cell it came from, in one 64-bit integer: the larger key wins and, of equal ones, the smaller cell.
using KeyAndCell = int64_t;
constexpr KeyAndCell kEmptyKeyAndCell = INT64_MIN;

SPP_HOST_DEVICE inline KeyAndCell with_cell(int32_t key, uint32_t cell) {
  return static_cast<int64_t>((static_cast<uint64_t>(static_cast<uint32_t>(key)) << 32) | (UINT32_MAX - cell));
}

SPP_HOST_DEVICE inline int32_t key_part(KeyAndCell both) { return static_cast<int32_t>(both >> 32); }

SPP_HOST_DEVICE inline uint32_t cell_part(KeyAndCell both) { return UINT32_MAX - static_cast<uint32_t>(both); }

}  // namespace spp
