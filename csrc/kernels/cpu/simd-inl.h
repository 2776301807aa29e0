// Vectors of the target being built (SPP_VECTOR_BYTES), in the compiler's own vector types: blocks of channels, and the
// transposition between channel-major and position-major.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

#include "huge_pages.h"
#include "target_region.h"

SPP_BEGIN_TARGET
namespace spp::cpu::SPP_TARGET {
namespace {

template <typename E>
struct Vector {
  static constexpr int kSize = SPP_VECTOR_BYTES / static_cast<int>(sizeof(E));
  typedef E type __attribute__((vector_size(SPP_VECTOR_BYTES)));
  typedef E unaligned __attribute__((vector_size(SPP_VECTOR_BYTES), aligned(alignof(E)), may_alias));
};

template <typename E>
inline typename Vector<E>::type load(const E* from) {
  return *reinterpret_cast<const typename Vector<E>::unaligned*>(from);
}

template <typename E>
inline void store(E* to, typename Vector<E>::type value) {
  *reinterpret_cast<typename Vector<E>::unaligned*>(to) = value;
}

// Memory that starts at a multiple of kBytes; what it holds at first is not set.
template <typename E, size_t kBytes>
struct AlignedAllocator {
  using value_type = E;
  template <typename Other>
  struct rebind {
    using other = AlignedAllocator<Other, kBytes>;
  };

  E* allocate(size_t count) {
    E* memory = static_cast<E*>(::operator new(count * sizeof(E), std::align_val_t{kBytes}));
    if (count * sizeof(E) >= 2 * kHugePageBytes) ask_for_huge_pages(memory, count * sizeof(E));
    return memory;
  }
  void deallocate(E* memory, size_t) { ::operator delete(memory, std::align_val_t{kBytes}); }
  void construct(E* at) { ::new (static_cast<void*>(at)) E; }
  bool operator==(const AlignedAllocator&) const { return true; }
};

constexpr int64_t kLineBytes = 64;
constexpr int64_t kPageBytes = 4096;

// For vectors that are aligned: none lies across two lines, which would take a load twice as long.
template <typename E>
using AlignedVector = std::vector<E, AlignedAllocator<E, kLineBytes>>;

// For stores that are not aligned: one across two pages takes many times as long as another.
template <typename E>
using PageAlignedVector = std::vector<E, AlignedAllocator<E, kPageBytes>>;

// kLanes integers of type K, the larger of two lane by lane.
template <typename K, int kLanes>
struct KeyLanes {
  static constexpr int kVectors = kLanes / Vector<K>::kSize;
  typename Vector<K>::type v[kVectors];

  static KeyLanes load_from(const K* from) {
    KeyLanes lanes;
    SPP_UNROLL
    for (int i = 0; i < kVectors; ++i) lanes.v[i] = load(from + i * Vector<K>::kSize);
    return lanes;
  }

  static KeyLanes all(K value) {
    KeyLanes lanes;
    SPP_UNROLL
    for (int i = 0; i < kVectors; ++i) lanes.v[i] = value - typename Vector<K>::type{};
    return lanes;
  }

  void store_to(K* to) const {
    SPP_UNROLL
    for (int i = 0; i < kVectors; ++i) store(to + i * Vector<K>::kSize, v[i]);
  }

  void merge(const KeyLanes& other) {
    SPP_UNROLL
    for (int i = 0; i < kVectors; ++i) v[i] = v[i] > other.v[i] ? v[i] : other.v[i];
  }
};

// Interleaves two vectors, segment by segment: a0 b0 a1 b1 ... from the lower (kUpper 0) or the upper half (1) of each.
template <typename V, int kSize, int kSegment, int kUpper, int... kIndex>
inline V interleave_at(V a, V b, std::integer_sequence<int, kIndex...>) {
  return __builtin_shufflevector(
      a, b, (kIndex / kSegment * kSegment + kUpper * (kSegment / 2) + kIndex % kSegment / 2 + kIndex % 2 * kSize)...);
}

template <typename E, int kUpper, int kSegment = Vector<E>::kSize>
inline typename Vector<E>::type interleave(typename Vector<E>::type a, typename Vector<E>::type b) {
  constexpr int kSize = Vector<E>::kSize;
  return interleave_at<typename Vector<E>::type, kSize, kSegment, kUpper>(a, b,
                                                                          std::make_integer_sequence<int, kSize>{});
}

// Every second segment of two vectors, from the first (kFrom 0) or the second one (1) on.
template <typename V, int kSegment, int kFrom, int... kIndex>
inline V pick_at(V a, V b, std::integer_sequence<int, kIndex...>) {
  return __builtin_shufflevector(a, b, ((2 * (kIndex / kSegment) + kFrom) * kSegment + kIndex % kSegment)...);
}

template <typename E, int kFrom, int kSegment = 1>
inline typename Vector<E>::type every_second(typename Vector<E>::type a, typename Vector<E>::type b) {
  return pick_at<typename Vector<E>::type, kSegment, kFrom>(a, b, std::make_integer_sequence<int, Vector<E>::kSize>{});
}

// The same of segments of 16 bytes: as numbers of 8, which compilers know an instruction for.
template <typename E, int kFrom>
inline typename Vector<E>::type every_second_16_bytes(typename Vector<E>::type a, typename Vector<E>::type b) {
  using Words = typename Vector<int64_t>::type;
  return (typename Vector<E>::type)every_second<int64_t, kFrom, 2>((Words)a, (Words)b);
}

// Each kGroup vectors become kGroup elements of each lane of a segment side by side, lane after lane. log2(kGroup)
// rounds, each interleaving the first half of the vectors with the second.
template <typename E, int kGroup, int kSegment, int kWidth>
SPP_INLINE void transpose_segments(typename Vector<E>::type (&v)[kWidth]) {
  typename Vector<E>::type w[kWidth];
  SPP_UNROLL
  for (int round = 1; round < kGroup; round *= 2) {
    SPP_UNROLL
    for (int first = 0; first < kWidth; first += kGroup) {
      SPP_UNROLL
      for (int i = first; i < first + kGroup / 2; ++i) {
        w[2 * i - first] = interleave<E, 0, kSegment>(v[i], v[i + kGroup / 2]);
        w[2 * i - first + 1] = interleave<E, 1, kSegment>(v[i], v[i + kGroup / 2]);
      }
    }
    SPP_UNROLL
    for (int i = 0; i < kWidth; ++i) v[i] = w[i];
  }
}

// Segment s of vector g * kSegment + i becomes segment g of vector s * kSegment + i.
template <typename E, int kSegment, int kWidth>
SPP_INLINE void transpose_segment_order(typename Vector<E>::type (&v)[kWidth]) {
  typename Vector<E>::type w[kWidth];
  SPP_UNROLL
  for (int round = kSegment; round < kWidth; round *= 2) {
    SPP_UNROLL
    for (int first = 0; first < kWidth / 2; first += kSegment) {
      SPP_UNROLL
      for (int i = first; i < first + kSegment; ++i) {
        w[i] = every_second_16_bytes<E, 0>(v[i + first], v[i + first + kSegment]);
        w[i + kWidth / 2] = every_second_16_bytes<E, 1>(v[i + first], v[i + first + kSegment]);
      }
    }
    SPP_UNROLL
    for (int i = 0; i < kWidth; ++i) v[i] = w[i];
  }
}

// Transposition in registers: kWidth vectors become kWidth elements of each lane side by side, lane after lane. Within
// 16 bytes, or with whole ones, a step is one instruction that leaves its operands as they are.
template <typename E, int kWidth>
SPP_INLINE void transpose(typename Vector<E>::type (&v)[kWidth]) {
  constexpr int kSegment = 16 / static_cast<int>(sizeof(E));
  if constexpr (kWidth == Vector<E>::kSize) {
    transpose_segments<E, kSegment, kSegment>(v);
    transpose_segment_order<E, kSegment>(v);
  } else {
    transpose_segments<E, kWidth, Vector<E>::kSize>(v);
  }
}

// kWidth positions from number `first` on, as lanes_to_rows() transposes them.
template <typename E, int kLanes, int kWidth, typename Read>
inline void transpose_tile(int64_t first, int64_t positions, E* out, const Read& read) {
  constexpr int kSize = Vector<E>::kSize;
  constexpr int kRows = kSize / kWidth;  // in a vector
  typedef E Row __attribute__((vector_size(kWidth * sizeof(E)), aligned(alignof(E)), may_alias));
  for (int lane = 0; lane < kLanes; lane += kSize) {
    typename Vector<E>::type tile[kWidth];
    SPP_UNROLL
    for (int i = 0; i < kWidth; ++i) tile[i] = read(first + i, lane);
    transpose<E, kWidth>(tile);
    if (positions == kWidth) {  // the lanes' rows touch: whole vectors
      SPP_UNROLL
      for (int i = 0; i < kWidth; ++i) store(out + lane * positions + i * kSize, tile[i]);
      continue;
    }
    SPP_UNROLL
    for (int i = 0; i < kSize; ++i) {
      const Row* rows = reinterpret_cast<const Row*>(&tile[i / kRows]);
      *reinterpret_cast<Row*>(out + (lane + i) * positions + first) = rows[i % kRows];
    }
  }
}

// kLanes lanes of each position -> kLanes contiguous rows of `positions`. `read(position, lane)` gives the vector that
// starts with that lane. Tiles are as wide as a vector and, for the rest, no wider than it takes.
template <typename E, int kLanes, typename Read>
inline void lanes_to_rows(int64_t positions, E* out, const Read& read) {
  constexpr int kSize = Vector<E>::kSize;
  int64_t first = 0;
  for (; first + kSize <= positions; first += kSize) {
    transpose_tile<E, kLanes, kSize>(first, positions, out, read);
  }
  const auto transpose_rest = [&](auto width) {
    if constexpr (width < kSize) {
      for (; first + width <= positions; first += width) {
        transpose_tile<E, kLanes, width>(first, positions, out, read);
      }
    }
  };
  transpose_rest(std::integral_constant<int, 16>{});
  transpose_rest(std::integral_constant<int, 8>{});
  transpose_rest(std::integral_constant<int, 4>{});
  transpose_rest(std::integral_constant<int, 2>{});
  transpose_rest(std::integral_constant<int, 1>{});
}

}  // namespace
}  // namespace spp::cpu::SPP_TARGET
SPP_END_TARGET
