// From torch tensors to the kernels' argument structs, for every device alike. What a user may have got wrong is said
// by spp_ops/_core/checks.py; the checks here only keep a direct call of an operator from reading or writing out of
// bounds.
#pragma once

#include <torch/csrc/stable/tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "../kernels/roi_spp.h"

namespace spp::ops {

using torch::stable::Tensor;

// Python sees a ValueError.
void require(bool condition, const std::string& message);

Pyramid pyramid_of(const std::vector<int64_t>& levels);

// What does not depend on where results go: maps, boxes, pyramid and sizes.
ForwardArgs forward_args(const std::vector<Tensor>& features, const Tensor& rois,
                         const std::optional<Tensor>& map_index, const std::vector<int64_t>& levels,
                         const std::vector<double>& projections, double target_area);

void set_boxes(ForwardArgs& args, const Tensor& rois, const std::optional<Tensor>& map_index, double target_area);

// Room for the output, [R, C * M].
Tensor new_output(const Tensor& features, const ForwardArgs& args);
void set_output(ForwardArgs& args, const Tensor& output);

// Raises if `out`, [R, C * M] with contiguous rows, shares memory with what is read while it is written.
void refuse_overlap(const Tensor& out, const std::vector<Tensor>& features, const Tensor& rois,
                    const std::optional<Tensor>& map_index);

// Room for indices, [R, C * M] of 16 or 32 bits, and sources, [R] of 32 bits.
Tensor new_indices(const Tensor& features, ForwardArgs& args);
Tensor new_sources(const Tensor& features, ForwardArgs& args);

// `shape` is N, C and then height and width of each map, `channels_last` 0 or 1 for each; the gradients are allocated
// here, in the memory format that this says.
BackwardArgs backward_args(const Tensor& grad_output, const Tensor& indices, const Tensor& sources,
                           const std::vector<int64_t>& levels, const std::vector<int64_t>& shape,
                           const std::vector<int64_t>& channels_last, bool deterministic,
                           std::vector<Tensor>& grad_maps);

GatherArgs gather_args(const std::vector<Tensor>& maps, const Tensor& indices, const Tensor& sources,
                       const std::vector<int64_t>& levels, const Tensor& output);

}  // namespace spp::ops
