// What the tables of maxima and the bins under work hold: one integer an entry, made so that the larger integer is the
// winner under the rule of pool_max.h. Where indices are wanted the cell is part of the integer.
//
//   features     no indices     16-bit indices             32-bit indices
//   16-bit       16-bit key     16-bit key, 16-bit cell    32-bit key, 32-bit cell
//   float32      32-bit key     32-bit key, 32-bit cell    32-bit key, 32-bit cell
//   float64      64-bit key     64-bit key, 32-bit cell    64-bit key, 32-bit cell
//
// Two 16-bit keys share a word and are compared by one instruction. Key and cell are compared as one number: of four
// entries the largest key first, then the smallest cell that has it, takes as many instructions on sm_90 (12), and more
// on older processors.
#pragma once

#include <type_traits>

#include "../dispatch.h"
#include "runs.h"

namespace spp::cuda {

// Keys of the 16-bit types, by the rule of pool_max.h.
template <typename T>
struct Order16;

template <>
struct Order16<Float16> {
  static constexpr int kInfinity = 0x7C00;
  static constexpr int16_t kNaN = 0x7E00;
};

template <>
struct Order16<BFloat16> {
  static constexpr int kInfinity = 0x7F80;
  static constexpr int16_t kNaN = 0x7FC0;
};

template <typename T>
__device__ inline int16_t key16_of(T value) {
  const int magnitude = value.bits & 0x7FFF;
  if (magnitude > Order16<T>::kInfinity) return Order16<T>::kNaN;
  return static_cast<int16_t>(magnitude == 0 ? 0 : value.bits & 0x8000 ? value.bits ^ 0x7FFF : value.bits);
}

// Back from keys in both halves of a word to the bits of both values.
__device__ inline uint32_t bits_of_keys16(uint32_t keys) {
  return keys ^ ((keys >> 15 & 0x00010001) * 0x7FFF);  // a negative key has all bits but its sign inverted
}

template <typename T>
__device__ inline T nan_of() {
  if constexpr (sizeof(T) == 2) {
    return {static_cast<uint16_t>(Order16<T>::kNaN)};
  } else {
    return value_of<T>(Order<T>::kNaN);
  }
}

// The general case: an entry is compared as a whole number and fills a word of a vector alone.
template <typename Number>
struct WholeNumberEntry {
  using Word = Number;
  static constexpr int kPerWord = 1;

  __device__ static Word larger_of(Word a, Word b) { return larger(a, b); }
  __device__ static Number larger_entry(Number a, Number b) { return larger(a, b); }
};

// An Entries<T, Index> says how features of type T are kept.
//   Word        one or two entries
//   of          the entry of a value and its cell
//   empty       what a bin without cells holds: below all others
//   zero        what stands for such a bin on the way out: value 0, cell kNoCell
//   larger_of, larger_entry   of two words, of two entries
//   value, cell of one entry; values of a word with two
template <typename T, typename Index>
struct Entries;

// 64-bit key and cell do not fit one integer of the machine.
struct alignas(16) WideKeyAndCell {
  int64_t key;
  uint64_t cell;  // of 64 bits, so that every byte of a vector counts: see BinPlace

  bool operator==(const WideKeyAndCell&) const = default;
};

template <typename T>
  requires(sizeof(T) >= 4)
struct Entries<T, NoIndex> : WholeNumberEntry<typename Order<T>::Key> {
  using Key = typename Order<T>::Key;

  __device__ static Key empty() { return Order<T>::kEmpty; }
  __device__ static Key zero() { return 0; }
  __device__ static Key of(T value, uint32_t) { return key_of(value); }
  __device__ static T value(Key entry) { return value_of<T>(entry); }
};

template <typename T>
  requires(sizeof(T) == 2)
struct Entries<T, NoIndex> {
  using Word = uint32_t;
  static constexpr int kPerWord = 2;

  __device__ static int16_t empty() { return INT16_MIN; }
  __device__ static int16_t zero() { return 0; }
  __device__ static int16_t of(T value, uint32_t) { return key16_of(value); }
  __device__ static Word larger_of(Word a, Word b) { return larger_halves(a, b); }
  __device__ static int16_t larger_entry(int16_t a, int16_t b) { return larger(a, b); }
  __device__ static uint32_t values(Word keys) { return bits_of_keys16(keys); }
};

template <typename T, typename Index>
  requires(sizeof(T) <= 4)
struct Entries<T, Index> : WholeNumberEntry<KeyAndCell> {
  __device__ static KeyAndCell empty() { return kEmptyKeyAndCell; }
  __device__ static KeyAndCell zero() { return 0; }
  __device__ static KeyAndCell of(T value, uint32_t cell) { return with_cell(key_of(to_float(value)), cell); }
  __device__ static T value(KeyAndCell entry) { return from_float<T>(value_of<float>(key_part(entry))); }
  __device__ static Index cell(KeyAndCell entry) { return static_cast<Index>(cell_part(entry)); }
};

template <typename T>
  requires(sizeof(T) == 2)
struct Entries<T, uint16_t> : WholeNumberEntry<int32_t> {
  __device__ static int32_t empty() { return INT32_MIN; }
  __device__ static int32_t zero() { return 0; }
  __device__ static int32_t of(T value, uint32_t cell) {
    return static_cast<int32_t>((static_cast<uint32_t>(key16_of(value)) << 16) | (UINT16_MAX - cell));
  }
  __device__ static T value(int32_t entry) {
    return {static_cast<uint16_t>(bits_of_keys16(static_cast<uint32_t>(entry)) >> 16)};
  }
  __device__ static uint16_t cell(int32_t entry) {
    return static_cast<uint16_t>(UINT16_MAX - (static_cast<uint32_t>(entry) & UINT16_MAX));
  }
};

template <typename Index>
  requires(!std::is_same_v<Index, NoIndex>)
struct Entries<double, Index> {
  using Word = WideKeyAndCell;
  static constexpr int kPerWord = 1;

  __device__ static Word empty() { return {Order<double>::kEmpty, UINT64_MAX}; }
  __device__ static Word zero() { return {0, UINT64_MAX}; }
  __device__ static Word of(double value, uint32_t cell) { return {key_of(value), cell}; }
  __device__ static Word larger_of(Word a, Word b) {
    return b.key > a.key || (b.key == a.key && b.cell < a.cell) ? b : a;
  }
  __device__ static Word larger_entry(Word a, Word b) { return larger_of(a, b); }
  __device__ static double value(Word entry) { return value_of<double>(entry.key); }
  __device__ static Index cell(Word entry) { return static_cast<Index>(entry.cell); }
};

// Entries of consecutive channels of one cell, 16 bytes together: the unit of every load and store.
template <typename E>
struct alignas(16) Vector {
  static constexpr int kWords = 16 / sizeof(typename E::Word);
  static constexpr int kChannels = kWords * E::kPerWord;

  typename E::Word words[kWords];

  template <typename T>
  __device__ Run<T, kChannels> values() const {
    Run<T, kChannels> result;
#pragma unroll
    for (int i = 0; i < kWords; ++i) {
      if constexpr (E::kPerWord == 1) {
        result.items[i] = E::value(words[i]);
      } else {
        const uint32_t both = E::values(words[i]);
        result.items[2 * i] = {static_cast<uint16_t>(both)};
        result.items[2 * i + 1] = {static_cast<uint16_t>(both >> 16)};
      }
    }
    return result;
  }

  // `number` is a compile-time constant after unrolling.
  template <typename One>
  __device__ void set(int number, One one) {
    if constexpr (E::kPerWord == 1) {
      words[number] = one;
    } else {
      const int shift = 16 * (number % 2);
      words[number / 2] =
          (words[number / 2] & ~(0xFFFFu << shift)) | (static_cast<uint32_t>(static_cast<uint16_t>(one)) << shift);
    }
  }

  // `number` is a compile-time constant after unrolling.
  __device__ auto entry(int number) const {
    if constexpr (E::kPerWord == 1) {
      return words[number];
    } else {
      return static_cast<int16_t>(words[number / 2] >> (16 * (number % 2)));
    }
  }

  template <typename One>
  __device__ static Vector filled(One one) {
    Vector vector{};
#pragma unroll
    for (int i = 0; i < kChannels; ++i) vector.set(i, one);
    return vector;
  }

  __device__ static Vector empty() { return filled(E::empty()); }

  // Whether this is the first vector of a bin without cells.
  __device__ bool is_empty() const {
    if constexpr (E::kPerWord == 1) {
      return words[0] == E::empty();
    } else {
      return static_cast<int16_t>(words[0]) == E::empty();
    }
  }

  __device__ friend Vector larger_of(const Vector& a, const Vector& b) {
    Vector result;
#pragma unroll
    for (int i = 0; i < kWords; ++i) result.words[i] = E::larger_of(a.words[i], b.words[i]);
    return result;
  }

  template <typename... More>
  __device__ friend Vector largest_of(Vector first, const More&... more) {
    ((first = larger_of(first, more)), ...);
    return first;
  }
};

}  // namespace spp::cuda
