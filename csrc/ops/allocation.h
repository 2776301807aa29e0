// Memory for results.
#pragma once

#include <torch/csrc/stable/tensor.h>

#include <optional>

namespace spp::ops {

// Uninitialized, contiguous, on the device of `beside` and, unless told, of its type. Large host memory comes from the
// system, which maps it page by page as it is first written: it is asked for huge pages, as NumPy asks for its arrays.
torch::stable::Tensor new_tensor(const torch::stable::Tensor& beside, torch::headeronly::IntHeaderOnlyArrayRef sizes,
                                 std::optional<torch::headeronly::ScalarType> type = std::nullopt);

}  // namespace spp::ops
