// Whether the memory that a call writes is memory that it reads.
#include <torch/csrc/inductor/aoti_torch/c/shim.h>

#include <cstdint>

#include "arguments.h"

namespace spp::ops {
namespace {

int64_t element_bytes(const Tensor& tensor) {
  int32_t type = 0;
  TORCH_ERROR_CODE_CHECK(aoti_torch_get_dtype(tensor.get(), &type));
  return static_cast<int64_t>(aoti_torch_dtype_element_size(type));
}

// The addresses of a tensor's elements: from the first byte to past the last.
struct Extent {
  uintptr_t begin;
  uintptr_t end;
};

Extent extent_of(const Tensor& tensor) {
  int64_t last = 0;
  for (int64_t d = 0; d < tensor.dim(); ++d) last += (tensor.size(d) - 1) * tensor.stride(d);
  const uintptr_t begin = reinterpret_cast<uintptr_t>(tensor.data_ptr());
  return {begin, begin + static_cast<uintptr_t>((last + 1) * element_bytes(tensor))};
}

// Whether `tensor` lies in the gaps between the rows of `out`: other columns of the same rows.
bool in_gaps(const Tensor& tensor, const Tensor& out) {
  const int64_t step = out.stride(0) * element_bytes(out);
  const int64_t row = out.size(1) * element_bytes(out);
  const int64_t size = element_bytes(tensor);
  int64_t run = size;  // bytes from the first element to the end of the last, steps from row to row of `out` left out
  for (int64_t d = 0; d < tensor.dim(); ++d) {
    const int64_t stride = tensor.stride(d) * size;
    if (stride % step != 0) run += (tensor.size(d) - 1) * stride;
  }
  const int64_t from = extent_of(tensor).begin - extent_of(out).begin;
  const int64_t offset = (from % step + step) % step;
  return offset >= row && offset + run <= step;
}

bool overlap(const Tensor& tensor, const Tensor& out) {
  if (tensor.numel() == 0 || out.numel() == 0) return false;
  const Extent a = extent_of(tensor), b = extent_of(out);
  return a.begin < b.end && b.begin < a.end && !(out.size(0) > 1 && in_gaps(tensor, out));
}

}  // namespace

void refuse_overlap(const Tensor& out, const std::vector<Tensor>& features, const Tensor& rois,
                    const std::optional<Tensor>& map_index) {
  const auto refuse = [&](const Tensor& read, const char* name) {
    require(!overlap(read, out), std::string("out: expected memory of its own, got some that ") + name + " has too");
  };
  for (const Tensor& map : features) refuse(map, "features");
  refuse(rois, "rois");
  if (map_index.has_value()) refuse(*map_index, "map_index");
}

}  // namespace spp::ops
