// The operators, for any back end. A Backend has
//   static int64_t forward(ForwardArgs&, const Tensor& beside);   // first bad row, or -1; `beside` says which device
//   static void backward(BackwardArgs&, const Tensor& beside);
//   static void gather(GatherArgs&, const Tensor& beside);
#pragma once

#include <torch/csrc/stable/library.h>

#include <tuple>

#include "allocation.h"
#include "arguments.h"

namespace spp::ops {

// Raises the error for row `row` of rois; does nothing for -1.
void refuse_bad_row(int64_t row, const ForwardArgs& args);

template <typename Backend>
struct Operators {
  static Tensor pool(const std::vector<Tensor>& features, const Tensor& rois, const std::optional<Tensor>& map_index,
                     const std::vector<int64_t>& levels, const std::vector<double>& projections, double target_area) {
    ForwardArgs args = forward_args(features, rois, map_index, levels, projections, target_area);
    Tensor output = new_output(features[0], args);
    set_output(args, output);
    refuse_bad_row(Backend::forward(args, features[0]), args);
    return output;
  }

  static void pool_out(const std::vector<Tensor>& features, const Tensor& rois, const std::optional<Tensor>& map_index,
                       const std::vector<int64_t>& levels, const std::vector<double>& projections, double target_area,
                       Tensor out) {
    ForwardArgs args = forward_args(features, rois, map_index, levels, projections, target_area);
    require(out.dim() == 2 && out.size(0) == args.boxes.count && out.size(1) == args.channels * args.pyramid.bins &&
                (out.stride(1) == 1 || out.size(1) <= 1) && (out.stride(0) >= out.size(1) || out.size(0) <= 1) &&
                out.scalar_type() == features[0].scalar_type() && out.device() == features[0].device(),
            "out: expected [R, C * M] with contiguous rows that do not overlap, of the dtype and device of features");
    refuse_overlap(out, features, rois, map_index);
    set_output(args, out);
    refuse_bad_row(Backend::forward(args, features[0]), args);
  }

  static std::tuple<Tensor, Tensor, Tensor> pool_with_indices(const std::vector<Tensor>& features, const Tensor& rois,
                                                              const std::optional<Tensor>& map_index,
                                                              const std::vector<int64_t>& levels,
                                                              const std::vector<double>& projections,
                                                              double target_area) {
    ForwardArgs args = forward_args(features, rois, map_index, levels, projections, target_area);
    Tensor output = new_output(features[0], args);
    set_output(args, output);
    Tensor indices = new_indices(features[0], args);
    Tensor sources = new_sources(features[0], args);
    refuse_bad_row(Backend::forward(args, features[0]), args);
    return {output, indices, sources};
  }

  static std::vector<Tensor> backward(const Tensor& grad_output, const Tensor& indices, const Tensor& sources,
                                      const std::vector<int64_t>& levels, const std::vector<int64_t>& shape,
                                      const std::vector<int64_t>& channels_last, bool deterministic) {
    std::vector<Tensor> grad_maps;
    BackwardArgs args =
        backward_args(grad_output, indices, sources, levels, shape, channels_last, deterministic, grad_maps);
    Backend::backward(args, grad_output);
    return grad_maps;
  }

  static Tensor gather(const std::vector<Tensor>& maps, const Tensor& indices, const Tensor& sources,
                       const std::vector<int64_t>& levels) {
    Tensor output = new_tensor(maps.at(0), {indices.size(0), indices.size(1)});
    GatherArgs args = gather_args(maps, indices, sources, levels, output);
    Backend::gather(args, maps[0]);
    return output;
  }

  // Memory for pool_out() to write into.
  static Tensor empty_output(const Tensor& features, int64_t rows, int64_t columns) {
    return new_tensor(features, {rows, columns});
  }

  static void register_in(torch::stable::detail::StableLibrary& m) {
    m.impl("roi_spatial_pyramid_pool", TORCH_BOX(&pool));
    m.impl("roi_spatial_pyramid_pool_inference", TORCH_BOX(&pool));
    m.impl("roi_spatial_pyramid_pool_out", TORCH_BOX(&pool_out));
    m.impl("roi_spatial_pyramid_pool_with_indices", TORCH_BOX(&pool_with_indices));
    m.impl("empty_output", TORCH_BOX(&empty_output));
    m.impl("roi_spatial_pyramid_pool_backward", TORCH_BOX(&backward));
    m.impl("roi_spatial_pyramid_pool_gather", TORCH_BOX(&gather));
  }
};

}  // namespace spp::ops
