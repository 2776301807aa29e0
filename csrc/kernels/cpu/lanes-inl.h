// What is kept for one position of a block of channels: an order-preserving key a channel and, where indices are
// wanted, the cell it came from. merge() is the rule of pool_max.h, lane by lane.
//
// Every kind has
//   Key, Cell          the integers that keys_at() and cells_at() give vectors of
//   Unit, kUnits       what a position is made of in memory
//   kLanes             channels of a block
//   encode()           puts a vector of keys, all of one cell, into a position from lane number `lane` on
//   keys_at() and, where there are cells, cells_at()   take a vector out again
#pragma once

#include <cstdint>
#include <type_traits>

#include "../dispatch.h"
#include "simd-inl.h"

SPP_BEGIN_TARGET
namespace spp::cpu::SPP_TARGET {
namespace {

template <typename Key>
using Keys = typename Vector<Key>::type;

// key_of() of pool_max.h, a vector at a time, from the values' bits.
template <typename Stored>
inline Keys<typename Order<Stored>::Key> keys_of(Keys<typename Order<Stored>::Key> bits) {
  using Key = typename Order<Stored>::Key;
  using Rule = Order<Stored>;
  constexpr int kSignBit = 8 * static_cast<int>(sizeof(Key)) - 1;
  if constexpr (sizeof(Key) == 2) {
    const Keys<Key> keys = bits ^ ((bits >> kSignBit) & Rule::kMagnitude);
    const Keys<Key> zeros_equal = keys == Key{-1} ? Keys<Key>{} : keys;  // -1 is -0
    return (bits & Rule::kMagnitude) > Rule::kInfinity ? Rule::kNaN - Keys<Key>{} : zeros_equal;
  } else {
    const typename Vector<Stored>::type values = (typename Vector<Stored>::type)bits;
    const Keys<Key> positive_zeros = (Keys<Key>)(values + Stored(0));  // -0 + 0 is +0
    const Keys<Key> keys = positive_zeros ^ ((positive_zeros >> kSignBit) & Rule::kMagnitude);
    return values != values ? Rule::kNaN - Keys<Key>{} : keys;
  }
}

// The bits of the values that keys stand for.
template <typename Key>
inline Keys<Key> decode_keys(Keys<Key> keys) {
  constexpr Key kMagnitude = static_cast<Key>(~(Key{1} << (8 * sizeof(Key) - 1)));
  return keys ^ ((keys >> (8 * static_cast<int>(sizeof(Key)) - 1)) & kMagnitude);
}

template <typename Key>
constexpr Key kEmptyKey = static_cast<Key>(Key{1} << (8 * sizeof(Key) - 1));

template <typename Key>
constexpr int kLanesOf = sizeof(Key) == 2 ? 32 : 16;

// The low (kFrom 0) or high (1) halves of as many integers as a vector has of half their size.
template <typename Half, int kFrom, typename Unit>
inline Keys<Half> halves(const Unit* from) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && sizeof(Unit) == 2 * sizeof(Half));
  const Half* parts = reinterpret_cast<const Half*>(from);
  return every_second<Half, kFrom>(load(parts), load(parts + Vector<Half>::kSize));
}

// Keys alone.
template <typename K>
struct KeyOnlyLanes {
  using Key = K;
  using Unit = K;
  static constexpr int kLanes = kLanesOf<K>;
  static constexpr int kUnits = kLanes;
  KeyLanes<K, kLanes> keys;

  static KeyOnlyLanes empty() { return {KeyLanes<K, kLanes>::all(kEmptyKey<K>)}; }
  static KeyOnlyLanes load_from(const K* from) { return {KeyLanes<K, kLanes>::load_from(from)}; }
  void store_to(K* to) const { keys.store_to(to); }
  void merge(const KeyOnlyLanes& other) { keys.merge(other.keys); }

  static void encode(Keys<K> keys, uint32_t, K* to, int lane) { store(to + lane, keys); }
  static Keys<K> keys_at(const K* from, int lane) { return load(from + lane); }
};

// Key and cell in one integer of twice the size of Half, so that a merge is still one comparison: with_cell(),
// key_part() and cell_part() of pool_max.h. The key is the higher half, the inverted cell the lower.
template <typename K, typename Half>
struct KeyAndCellLanes {
  using Key = K;
  using Cell = Half;
  using Unit = std::conditional_t<sizeof(Half) == 2, int32_t, int64_t>;
  static constexpr int kLanes = kLanesOf<K>;
  static constexpr int kUnits = kLanes;
  KeyLanes<Unit, kLanes> both;

  static KeyAndCellLanes empty() { return {KeyLanes<Unit, kLanes>::all(kEmptyKey<Unit>)}; }
  static KeyAndCellLanes load_from(const Unit* from) { return {KeyLanes<Unit, kLanes>::load_from(from)}; }
  void store_to(Unit* to) const { both.store_to(to); }
  void merge(const KeyAndCellLanes& other) { both.merge(other.both); }

  static void encode(Keys<K> keys, uint32_t cell, Unit* to, int lane) {
    if constexpr (std::is_same_v<K, Half>) {
      const Keys<Half> inverted = static_cast<Half>(~cell) - Keys<Half>{};
      Half* halves_to = reinterpret_cast<Half*>(to + lane);
      store(halves_to, interleave<Half, 0>(inverted, keys));
      store(halves_to + Vector<Half>::kSize, interleave<Half, 1>(inverted, keys));
    } else {
      for (int i = 0; i < Vector<K>::kSize; ++i) to[lane + i] = with_cell(keys[i], cell);
    }
  }

  static Keys<K> keys_at(const Unit* from, int lane) {
    if constexpr (std::is_same_v<K, Half>) {
      return halves<Half, 1>(from + lane);
    } else {
      Keys<K> keys;
      for (int i = 0; i < Vector<K>::kSize; ++i) keys[i] = static_cast<K>(from[lane + i] >> (8 * sizeof(Half)));
      return keys;
    }
  }

  static Keys<Half> cells_at(const Unit* from, int lane) { return ~halves<Half, 0>(from + lane); }
};

// float64: keys and then cells, side by side.
struct KeyBesideCellLanes {
  using Key = int64_t;
  using Cell = int32_t;
  using Unit = int64_t;
  static constexpr int kLanes = kLanesOf<Key>;
  static constexpr int kUnits = 2 * kLanes;
  using Numbers = KeyLanes<Unit, kLanes>;
  Numbers keys;
  Numbers cells;

  static KeyBesideCellLanes empty() { return {Numbers::all(kEmptyKey<Key>), Numbers::all(UINT32_MAX)}; }

  static KeyBesideCellLanes load_from(const Unit* from) {
    return {Numbers::load_from(from), Numbers::load_from(from + kLanes)};
  }

  void store_to(Unit* to) const {
    keys.store_to(to);
    cells.store_to(to + kLanes);
  }

  void merge(const KeyBesideCellLanes& other) {
    for (int i = 0; i < Numbers::kVectors; ++i) {
      const auto wins =
          (other.keys.v[i] > keys.v[i]) | ((other.keys.v[i] == keys.v[i]) & (other.cells.v[i] < cells.v[i]));
      keys.v[i] = wins ? other.keys.v[i] : keys.v[i];
      cells.v[i] = wins ? other.cells.v[i] : cells.v[i];
    }
  }

  static void encode(Keys<Key> keys, uint32_t cell, Unit* to, int lane) {
    store(to + lane, keys);
    store(to + kLanes + lane, static_cast<Unit>(cell) - Keys<Key>{});
  }
  static Keys<Key> keys_at(const Unit* from, int lane) { return load(from + lane); }
  static Keys<Cell> cells_at(const Unit* from, int lane) { return halves<Cell, 0>(from + kLanes + lane); }
};

// The kind for values of type Stored whose cells are stored as Index.
template <typename Stored, typename Index, typename Key = typename Order<Stored>::Key>
using Lanes = std::conditional_t<
    std::is_same_v<Index, NoIndex>, KeyOnlyLanes<Key>,
    std::conditional_t<sizeof(Key) == 8, KeyBesideCellLanes,
                       KeyAndCellLanes<Key, std::conditional_t<sizeof(Key) + sizeof(Index) == 4, int16_t, int32_t>>>>;

}  // namespace
}  // namespace spp::cpu::SPP_TARGET
SPP_END_TARGET
