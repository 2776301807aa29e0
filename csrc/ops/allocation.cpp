#include "allocation.h"

#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/ops.h>

#include <cstdint>

#include "../kernels/cpu/huge_pages.h"

namespace spp::ops {
namespace {

// The GNU C library maps what is at least as large anew each time; smaller memory it keeps and hands out again.
constexpr int64_t kLargeBytes = int64_t{32} << 20;

}  // namespace

torch::stable::Tensor new_tensor(const torch::stable::Tensor& beside, torch::headeronly::IntHeaderOnlyArrayRef sizes,
                                 std::optional<torch::headeronly::ScalarType> type) {
  torch::stable::Tensor made = torch::stable::new_empty(beside, sizes, type);
  if (!made.is_cpu()) return made;
  int64_t bytes = 0;
  TORCH_ERROR_CODE_CHECK(aoti_torch_get_storage_size(made.get(), &bytes));
  if (bytes >= kLargeBytes) cpu::ask_for_huge_pages(made.data_ptr(), static_cast<size_t>(bytes));
  return made;
}

}  // namespace spp::ops
