// From the type numbers in the arguments to C++ types: the one switch on each of them.
#pragma once

#include <cstddef>

#include "half.h"
#include "roi_spp.h"

namespace spp {

template <typename T>
struct Type {
  using type = T;
};

struct NoIndex {};  // stands for an index type where no indices are wanted; its size, 1, fits every address

// Returns call(Type<T>{}). On the GPU where `call` is made there.
#if defined(__CUDACC__)
#pragma nv_exec_check_disable
#endif
template <typename Call>
SPP_HOST_DEVICE auto with_type(DataType type, const Call& call) {
  switch (type) {
    case DataType::kFloat64: return call(Type<double>{});
    case DataType::kFloat16: return call(Type<Float16>{});
    case DataType::kBFloat16: return call(Type<BFloat16>{});
    default: return call(Type<float>{});
  }
}

template <typename Call>
auto with_index_type(IndexType type, const Call& call) {
  return type == IndexType::kUInt16 ? call(Type<uint16_t>{}) : call(Type<int32_t>{});
}

inline size_t size_of(DataType type) { return type == DataType::kFloat64 ? 8 : type == DataType::kFloat32 ? 4 : 2; }

}  // namespace spp
