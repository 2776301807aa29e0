// How the gradients of the cells of one block are summed in shared memory.
//
// PlainSums adds floating-point numbers in the order the threads come; ExactSums adds integers, whose sum has no order,
// and so gives the same bits in every run.
#pragma once

#include "../half.h"
#include "shared.h"

namespace spp::cuda {

template <typename W>  // float or double
class PlainSums {
 public:
  static constexpr bool kNotes = false;  // whether it must see all gradients before it adds them

  static constexpr size_t shared_bytes(int64_t, int64_t cells) { return shared_bytes_of<W>(cells); }

  __device__ PlainSums(SharedArena& arena, int32_t, int32_t cells, int64_t)
      : sums_(arena.take<W>(cells)), cells_(cells) {}

  __device__ void clear(int32_t thread, int32_t threads) {
    for (int32_t i = thread; i < cells_; i += threads) sums_[i] = W(0);
  }

  // Adds gradients of cells of one channel; there are `cells` a channel.
  struct Adding {
    const PlainSums& sums;
    int32_t cells;

    __device__ Adding(const PlainSums& sums_, int32_t cells_) : sums(sums_), cells(cells_) {}
    __device__ void operator()(int32_t channel, int32_t cell, W value) const {
      sums.sums_.atomic_add(channel * cells + cell, value);
    }
    __device__ void finish(int32_t) const {}
  };

  __device__ W sum(int32_t, int32_t cell) const { return sums_[cell]; }

 private:
  Shared<W> sums_;
  int32_t cells_;
};

// The bits of a floating-point number.
template <typename W>
struct FloatBits;

template <>
struct FloatBits<float> {
  using Bits = uint32_t;
  static constexpr int kMantissa = 23;
  static constexpr int kExponents = 255;  // this one marks inf and NaN
  static constexpr int kBias = 127;
  static constexpr int kLimbs = 2;
};

template <>
struct FloatBits<double> {
  using Bits = uint64_t;
  static constexpr int kMantissa = 52;
  static constexpr int kExponents = 2047;
  static constexpr int kBias = 1023;
  static constexpr int kLimbs = 3;
};

template <typename W>
__device__ inline int32_t exponent_field(W value) {
  using F = FloatBits<W>;
  return static_cast<int32_t>(bits_as<typename F::Bits>(value) >> F::kMantissa) & F::kExponents;
}

// value * 2^power, |power| <= 2 * kBias - 2, in two steps: one factor alone might not be representable.
template <typename W>
__device__ inline W scaled(W value, int32_t power) {
  using F = FloatBits<W>;
  const auto factor = [](int32_t p) { return bits_as<W>(static_cast<typename F::Bits>(p + F::kBias) << F::kMantissa); };
  const int32_t half = power / 2;
  return value * factor(half) * factor(power - half);
}

// Sums in fixed point of 64 bits (96 for float64). A channel's largest gradient sets its unit: as small as leaves room
// for `additions` of that size, so that what falls below the unit is less than 2^-45 (2^-77) of the largest gradient
// where a hundred thousand are added. inf and NaN do not take part; that they came is noted by cell, and they come out
// as floating-point addition would have it. Limbs of 32 bits, because that is what shared memory adds by itself.
template <typename W>
class ExactSums {
  using F = FloatBits<W>;
  static constexpr int kFlagBits = 4;
  static constexpr int kFlagsPerWord = 32 / kFlagBits;
  static constexpr uint32_t kPositive = 1;
  static constexpr uint32_t kNegative = 2;
  static constexpr uint32_t kNaN = 4;

 public:
  static constexpr bool kNotes = true;

  static constexpr size_t shared_bytes(int64_t channels, int64_t cells) {
    return shared_bytes_of<uint32_t>(F::kLimbs * cells) + shared_bytes_of<uint32_t>(ceil_div(cells, kFlagsPerWord)) +
           shared_bytes_of<int32_t>(channels);
  }

  // `additions`: how many there may be to one cell.
  __device__ ExactSums(SharedArena& arena, int32_t channels, int32_t cells, int64_t additions)
      : channels_(channels), cells_(cells) {
    headroom_ = 65 - __clzll(additions);
    limbs_ = arena.take<uint32_t>(F::kLimbs * cells);
    flags_ = arena.take<uint32_t>(static_cast<int32_t>(ceil_div(cells, kFlagsPerWord)));
    exponents_ = arena.take<int32_t>(channels);
  }

  __device__ void clear(int32_t thread, int32_t threads) {
    for (int32_t i = thread; i < F::kLimbs * cells_; i += threads) limbs_[i] = 0;
    for (int32_t i = thread; i * kFlagsPerWord < cells_; i += threads) flags_[i] = 0;
    for (int32_t c = thread; c < channels_; c += threads) exponents_[c] = 0;
  }

  // The first pass: the largest exponent of a channel, in a register until the thread is through with a bin.
  struct Noting {
    const ExactSums& sums;
    int32_t largest = 0;

    __device__ explicit Noting(const ExactSums& sums_) : sums(sums_) {}
    __device__ void operator()(int32_t, int32_t, W value) {
      const int32_t exponent = exponent_field(value);
      if (exponent < F::kExponents) largest = larger(largest, exponent);
    }
    __device__ void finish(int32_t channel) {
      if (largest > 0) sums.exponents_.atomic_max(channel, largest);
      largest = 0;
    }
  };

  // The second pass; there are `cells` a channel.
  struct Adding {
    const ExactSums& sums;
    int32_t cells;

    __device__ Adding(const ExactSums& sums_, int32_t cells_) : sums(sums_), cells(cells_) {}
    __device__ void operator()(int32_t channel, int32_t cell, W value) const {
      sums.add(channel, channel * cells + cell, value);
    }
    __device__ void finish(int32_t) const {}
  };

  __device__ void add(int32_t channel, int32_t cell, W value) const {
    if (exponent_field(value) == F::kExponents) {
      const uint32_t flag = value != value ? kNaN : value > W(0) ? kPositive : kNegative;
      flags_.atomic_or(cell / kFlagsPerWord, flag << (cell % kFlagsPerWord * kFlagBits));
      return;
    }
    constexpr W kLimb = W(4294967296.0);
    W rest = scaled(value < W(0) ? -value : value, power(channel));
    uint32_t limbs[F::kLimbs];
    W unit = F::kLimbs == 3 ? kLimb * kLimb : kLimb;
#pragma unroll
    for (int limb = F::kLimbs - 1; limb > 0; --limb) {
      limbs[limb] = static_cast<uint32_t>(rest * (W(1) / unit));  // powers of two: exact
      rest -= static_cast<W>(limbs[limb]) * unit;
      unit *= W(1) / kLimb;
    }
    limbs[0] = static_cast<uint32_t>(rest);
    if (value < W(0)) negate(limbs);
    uint32_t carry = 0;
#pragma unroll
    for (int limb = 0; limb < F::kLimbs; ++limb) {
      const uint32_t addend = limbs[limb] + carry;
      carry = addend < carry;  // only where all bits were set: then there is nothing to add here
      if (addend == 0) continue;
      const uint32_t old = limbs_.atomic_add(limb * cells_ + cell, addend);
      carry += old + addend < old;
    }
  }

  __device__ W sum(int32_t channel, int32_t cell) const {
    const uint32_t flags = flags_[cell / kFlagsPerWord] >> (cell % kFlagsPerWord * kFlagBits);
    if (flags & kNaN || (flags & kPositive && flags & kNegative)) return value_of<W>(Order<W>::kNaN);
    const W infinity = bits_as<W>(static_cast<typename F::Bits>(F::kExponents) << F::kMantissa);
    if (flags & kPositive) return infinity;
    if (flags & kNegative) return -infinity;
    uint32_t limbs[F::kLimbs];
#pragma unroll
    for (int limb = 0; limb < F::kLimbs; ++limb) limbs[limb] = limbs_[limb * cells_ + cell];
    const bool negative = limbs[F::kLimbs - 1] >> 31;
    if (negative) negate(limbs);
    double magnitude = 0;
#pragma unroll
    for (int limb = F::kLimbs - 1; limb >= 0; --limb) magnitude = magnitude * 4294967296.0 + limbs[limb];
    const W result = static_cast<W>(scaled(magnitude, -power(channel)));
    return negative ? -result : result;
  }

 private:
  // Gradients become integers times 2^-power. The largest one is below 2^(exponent - kBias + 1).
  __device__ int32_t power(int32_t channel) const {
    return 32 * F::kLimbs - headroom_ - (exponents_[channel] - F::kBias + 1);
  }

  __device__ static void negate(uint32_t (&limbs)[F::kLimbs]) {
    uint32_t carry = 1;
#pragma unroll
    for (int limb = 0; limb < F::kLimbs; ++limb) {
      limbs[limb] = ~limbs[limb] + carry;
      carry = carry != 0 && limbs[limb] == 0;
    }
  }

  Shared<uint32_t> limbs_;
  Shared<uint32_t> flags_;
  Shared<int32_t> exponents_;
  int32_t channels_;
  int32_t cells_;
  int32_t headroom_;  // bits that the number of additions takes, and one for the sign
};

}  // namespace spp::cuda
