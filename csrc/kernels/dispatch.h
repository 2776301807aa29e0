// From the type numbers in the arguments to C++ types.
#pragma once

#include "half.h"
#include "roi_spp.h"

namespace spp::cuda {

template <typename T>
struct Type {
  using type = T;
};

struct NoIndex {};  // stands for an index type where no indices are wanted

template <typename Call>
void with_type(DataType type, Call&& call) {
  switch (type) {
    case DataType::kFloat32: return call(Type<float>{});
    case DataType::kFloat64: return call(Type<double>{});
    case DataType::kFloat16: return call(Type<Float16>{});
    case DataType::kBFloat16: return call(Type<BFloat16>{});
  }
}

template <typename Call>
void with_index_type(IndexType type, Call&& call) {
  if (type == IndexType::kUInt16) return call(Type<uint16_t>{});
  return call(Type<int32_t>{});
}

inline size_t size_of(DataType type) { return type == DataType::kFloat64 ? 8 : type == DataType::kFloat32 ? 4 : 2; }

}  // namespace spp::cuda
