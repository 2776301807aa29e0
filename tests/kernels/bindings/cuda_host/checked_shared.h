// Shared memory as kernels see it on the host: spans that check every access (see kernels/cuda/shared.h).
#pragma once

#include <string>

#include "block.h"

namespace spp::cuda {

template <typename T>
class Shared {
  static_assert(sizeof(T) % 2 == 0, "the watch works on words of 2 bytes");

 public:
  // Stands for one cell: reading it converts, writing it assigns.
  class Cell {
   public:
    explicit Cell(T* data) : data_(data) {}
    operator T() const {
      cuda_host::Block::running->watch(data_, sizeof(T), cuda_host::Access::kRead);
      return *data_;
    }
    const Cell& operator=(const T& value) const {
      cuda_host::Block::running->watch(data_, sizeof(T), cuda_host::Access::kWrite);
      *data_ = value;
      return *this;
    }
    const Cell& operator=(const Cell& other) const { return *this = static_cast<T>(other); }

   private:
    T* data_;
  };

  Shared() = default;
  Shared(T* data, int32_t count) : data_(data), count_(count) {}

  Cell operator[](int32_t i) const { return Cell(at(i)); }

  Shared part(int32_t first, int32_t count) const {
    if (first < 0 || count < 0 || first + count > count_) refuse(first, count);
    return {data_ + first, count};
  }

  template <typename Other>
  Shared<Other> as() const {
    return {reinterpret_cast<Other*>(data_), static_cast<int32_t>(count_ * sizeof(T) / sizeof(Other))};
  }

  T atomic_add(int32_t i, T value) const {
    return update(i, [&](T old) { return static_cast<T>(old + value); });
  }
  T atomic_max(int32_t i, T value) const {
    return update(i, [&](T old) { return old < value ? value : old; });
  }
  T atomic_or(int32_t i, T value) const {
    return update(i, [&](T old) { return static_cast<T>(old | value); });
  }

 private:
  template <typename New>
  T update(int32_t i, New&& updated) const {
    T* cell = at(i);
    cuda_host::Block::running->watch(cell, sizeof(T), cuda_host::Access::kAtomic);
    const T old = *cell;
    *cell = updated(old);
    return old;
  }

  T* at(int32_t i) const {
    if (i < 0 || i >= count_) refuse(i, 1);
    return data_ + i;
  }

  [[noreturn]] void refuse(int32_t first, int32_t count) const {
    cuda_host::Block::running->fail("out of bounds: [" + std::to_string(first) + ", " + std::to_string(first + count) +
                                    ") of a shared span of " + std::to_string(count_));
  }

  T* data_ = nullptr;
  int32_t count_ = 0;
};

inline unsigned char* dynamic_shared_memory() { return cuda_host::Block::running->shared_memory(); }

template <typename T>
Shared<T> shared_span(unsigned char* memory, int32_t count) {
  return {reinterpret_cast<T*>(memory), count};
}

}  // namespace spp::cuda
