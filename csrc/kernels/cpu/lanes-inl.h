// What is kept for one position of kLanes channels: an order-preserving key a channel and, where indices are wanted,
// the cell it came from. merge() is the rule of pool_max.h, lane by lane.
#pragma once

#include <cstdint>

#include "../pool_max.h"
#include "simd-inl.h"

SPP_BEGIN_TARGET
namespace spp::cpu::SPP_TARGET {
namespace {

template <typename T>
using Keys = typename Vector<typename Order<T>::Key>::type;
using Cells = typename Vector<int32_t>::type;

// key_of() of pool_max.h, a vector at a time.
template <typename T>
inline Keys<T> keys_of(typename Vector<T>::type values) {
  constexpr int kSignBit = 8 * static_cast<int>(sizeof(T)) - 1;
  const Keys<T> bits = (Keys<T>)(values + T(0));  // -0 + 0 is +0
  const Keys<T> keys = bits ^ ((bits >> kSignBit) & Order<T>::kMagnitude);
  return values != values ? Order<T>::kNaN - Keys<T>{} : keys;
}

// The low (kFrom 0) or high (1) halves of as many 64-bit integers as a vector has 32-bit ones.
template <int kFrom>
inline Cells halves(const int64_t* from) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  const int32_t* parts = reinterpret_cast<const int32_t*>(from);
  return every_second<int32_t, kFrom>(load(parts), load(parts + Vector<int32_t>::kSize));
}

// Each kind has, besides, what one vector of lanes from number `lane` on is made of: encode() puts keys of one cell
// into a position, keys_at() and cells_at() take them out.
template <typename T, bool kIndexed>
struct Lanes;

// Keys alone.
template <typename T>
struct Lanes<T, false> {
  using Unit = typename Order<T>::Key;
  static constexpr int kUnits = kLanes;  // a position
  KeyLanes<Unit> keys;

  static Lanes empty() { return {KeyLanes<Unit>::all(Order<T>::kEmpty)}; }
  static Lanes load_from(const Unit* from) { return {KeyLanes<Unit>::load_from(from)}; }
  void store_to(Unit* to) const { keys.store_to(to); }
  void merge(const Lanes& other) { keys.merge(other.keys); }

  static void encode(Keys<T> keys, uint32_t, Unit* to, int lane) { store(to + lane, keys); }
  static Keys<T> keys_at(const Unit* from, int lane) { return load(from + lane); }
};

// float32: key and cell in one 64-bit integer, so that a merge is still one comparison.
template <>
struct Lanes<float, true> {
  using Unit = KeyAndCell;
  static constexpr int kUnits = kLanes;
  KeyLanes<Unit> both;

  static Lanes empty() { return {KeyLanes<Unit>::all(kEmptyKeyAndCell)}; }
  static Lanes load_from(const Unit* from) { return {KeyLanes<Unit>::load_from(from)}; }
  void store_to(Unit* to) const { both.store_to(to); }
  void merge(const Lanes& other) { both.merge(other.both); }

  // with_cell(), key_part() and cell_part() of pool_max.h: the key is the higher half, the inverted cell the lower.
  static void encode(Cells keys, uint32_t cell, Unit* to, int lane) {
    const Cells inverted = static_cast<int32_t>(~cell) - Cells{};
    int32_t* halves_to = reinterpret_cast<int32_t*>(to + lane);
    store(halves_to, interleave<int32_t, 0>(inverted, keys));
    store(halves_to + Vector<int32_t>::kSize, interleave<int32_t, 1>(inverted, keys));
  }
  static Cells keys_at(const Unit* from, int lane) { return halves<1>(from + lane); }
  static Cells cells_at(const Unit* from, int lane) { return ~halves<0>(from + lane); }
};

// float64: keys and then cells, side by side.
template <>
struct Lanes<double, true> {
  using Unit = int64_t;
  static constexpr int kUnits = 2 * kLanes;
  KeyLanes<Unit> keys;
  KeyLanes<Unit> cells;

  static Lanes empty() { return {KeyLanes<Unit>::all(Order<double>::kEmpty), KeyLanes<Unit>::all(UINT32_MAX)}; }

  static Lanes load_from(const Unit* from) {
    return {KeyLanes<Unit>::load_from(from), KeyLanes<Unit>::load_from(from + kLanes)};
  }

  void store_to(Unit* to) const {
    keys.store_to(to);
    cells.store_to(to + kLanes);
  }

  void merge(const Lanes& other) {
    for (int i = 0; i < KeyLanes<Unit>::kVectors; ++i) {
      const auto wins =
          (other.keys.v[i] > keys.v[i]) | ((other.keys.v[i] == keys.v[i]) & (other.cells.v[i] < cells.v[i]));
      keys.v[i] = wins ? other.keys.v[i] : keys.v[i];
      cells.v[i] = wins ? other.cells.v[i] : cells.v[i];
    }
  }

  static void encode(Keys<double> keys, uint32_t cell, Unit* to, int lane) {
    store(to + lane, keys);
    store(to + kLanes + lane, static_cast<Unit>(cell) - Keys<double>{});
  }
  static Keys<double> keys_at(const Unit* from, int lane) { return load(from + lane); }
  static Cells cells_at(const Unit* from, int lane) { return halves<0>(from + kLanes + lane); }
};

}  // namespace
}  // namespace spp::cpu::SPP_TARGET
SPP_END_TARGET
