#include "allocation.h"

#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/ops.h>

#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace spp::ops {
namespace {

// The GNU C library maps what is at least as large anew each time; smaller memory it keeps and hands out again.
constexpr int64_t kLargeBytes = int64_t{32} << 20;

// A hint: a system that has no huge pages to give refuses, and nothing changes.
void ask_for_huge_pages(void* data, int64_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + static_cast<uintptr_t>(bytes)) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
  (void)data;
  (void)bytes;
#endif
}

}  // namespace

torch::stable::Tensor new_tensor(const torch::stable::Tensor& beside, torch::headeronly::IntHeaderOnlyArrayRef sizes,
                                 std::optional<torch::headeronly::ScalarType> type) {
  torch::stable::Tensor made = torch::stable::new_empty(beside, sizes, type);
  if (!made.is_cpu()) return made;
  int64_t bytes = 0;
  TORCH_ERROR_CODE_CHECK(aoti_torch_get_storage_size(made.get(), &bytes));
  if (bytes >= kLargeBytes) ask_for_huge_pages(made.data_ptr(), bytes);
  return made;
}

}  // namespace spp::ops
