// The operators' schemas. docs/operator.md explains them; spp_ops/_core/register.py adds fake tensors and autograd.
#include <torch/csrc/stable/library.h>

STABLE_TORCH_LIBRARY(spp_ops, m) {
  m.def(
      "roi_spatial_pyramid_pool(Tensor[] features, Tensor rois, Tensor? map_index, int[] levels, float[] projections, "
      "float target_area) -> Tensor");
  m.def(
      "roi_spatial_pyramid_pool_inference(Tensor[] features, Tensor rois, Tensor? map_index, int[] levels, "
      "float[] projections, float target_area) -> Tensor");
  m.def(
      "roi_spatial_pyramid_pool_out(Tensor[] features, Tensor rois, Tensor? map_index, int[] levels, "
      "float[] projections, float target_area, Tensor(a!) out) -> ()");
  m.def(
      "roi_spatial_pyramid_pool_with_indices(Tensor[] features, Tensor rois, Tensor? map_index, int[] levels, "
      "float[] projections, float target_area) -> (Tensor output, Tensor indices, Tensor sources)");
  m.def(
      "roi_spatial_pyramid_pool_backward(Tensor grad_output, Tensor indices, Tensor sources, int[] levels, "
      "SymInt[] shape, int[] channels_last, bool deterministic) -> Tensor[]");
  m.def("roi_spatial_pyramid_pool_gather(Tensor[] maps, Tensor indices, Tensor sources, int[] levels) -> Tensor");
  m.def("empty_output(Tensor features, SymInt rows, SymInt columns) -> Tensor");
  m.def("check_rois(Tensor rois, Tensor? map_index, int images, int maps) -> ()");
  m.def(
      "selective_search(Tensor[] smooth, Tensor[] colors, Tensor[] gradients, float[] scales, int least_size, "
      "int[] measures) -> Tensor");
  m.def("build_info() -> str");
  m.def("set_cpu_level(str name) -> bool");
  m.def("set_cpu_reading(str name) -> bool");
}
