#include "arguments.h"

#include <torch/csrc/stable/ops.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "allocation.h"
#include "limits.h"

namespace spp::ops {
namespace {

using torch::headeronly::ScalarType;

DataType data_type(const Tensor& tensor, const char* name) {
  switch (tensor.scalar_type()) {
    case ScalarType::Float: return DataType::kFloat32;
    case ScalarType::Double: return DataType::kFloat64;
    case ScalarType::Half: return DataType::kFloat16;
    case ScalarType::BFloat16: return DataType::kBFloat16;
    default: require(false, std::string(name) + ": expected float16, bfloat16, float32 or float64");
  }
  return DataType::kFloat32;
}

bool same_place(const Tensor& a, const Tensor& b) { return a.device() == b.device(); }

bool has_cells(int64_t height, int64_t width) {
  return height > 0 && width > 0 && height <= std::numeric_limits<int32_t>::max() / width;
}

bool has_images(int64_t images) { return images >= 0 && images <= std::numeric_limits<int32_t>::max() / kMaxMaps; }

// Shapes and pointers of the maps, the same N, C, dtype and device for all.
template <typename Args>
void set_maps(Args& args, const std::vector<Tensor>& maps, const char* name) {
  const std::string prefix = std::string(name) + ": ";
  require(!maps.empty() && maps.size() <= kMaxMaps, prefix + "expected 1 to " + std::to_string(kMaxMaps) + " maps");
  args.map_count = static_cast<int32_t>(maps.size());
  args.type = data_type(maps[0], name);
  for (size_t m = 0; m < maps.size(); ++m) {
    const Tensor& map = maps[m];
    require(map.dim() == 4, prefix + "expected [N, C, H, W]");
    require(same_place(map, maps[0]) && map.scalar_type() == maps[0].scalar_type() && map.size(0) == maps[0].size(0) &&
                map.size(1) == maps[0].size(1),
            prefix + "expected one N, C, dtype and device for all maps");
    require(has_cells(map.size(2), map.size(3)), prefix + "expected 1 to 2**31 - 1 cells a map");
    FeatureMap& target = args.maps[m];
    target.data = map.data_ptr();
    target.image_stride = map.stride(0);
    target.channel_stride = map.stride(1);
    target.row_stride = map.stride(2);
    target.column_stride = map.stride(3);
    target.height = static_cast<int32_t>(map.size(2));
    target.width = static_cast<int32_t>(map.size(3));
  }
  require(has_images(maps[0].size(0)), prefix + "too many images");
  args.images = static_cast<int32_t>(maps[0].size(0));
  args.channels = maps[0].size(1);
}

// The numbers of one rule: finite also as float32, with scales and strides that can be divided by.
bool is_rule(const double* numbers) {
  const auto is_choice = [](double number) { return number == 0 || number == 1 || number == 2; };
  const auto is_corner = [&](const double* corner) {
    return std::fabs(corner[0]) <= kLargestNumber && is_choice(corner[1]) && std::fabs(corner[2]) <= kLargestShift;
  };
  const auto is_axis = [&](const double* axis) {
    const auto is_size = [](double number) { return 1 / kLargestNumber <= number && number <= kLargestNumber; };
    return is_size(axis[0]) && is_size(axis[1]) && is_corner(axis + 2) && is_corner(axis + 5);
  };
  return is_axis(numbers) && is_axis(numbers + 8) && is_choice(numbers[16]);
}

template <typename Args>
void set_indices(Args& args, const Tensor& indices, const Tensor& sources, const Tensor& beside) {
  require(indices.dim() == 2 && indices.is_contiguous() && same_place(indices, beside) &&
              (indices.scalar_type() == ScalarType::Short || indices.scalar_type() == ScalarType::Int),
          "indices: expected contiguous [R, C * M] of int16 or int32");
  require(indices.size(1) == args.channels * args.pyramid.bins, "indices: expected C * M columns");
  require(sources.dim() == 1 && sources.is_contiguous() && same_place(sources, beside) &&
              sources.scalar_type() == ScalarType::Int && sources.size(0) == indices.size(0),
          "sources: expected contiguous [R] of int32");
  args.indices = indices.data_ptr();
  args.index_type = indices.scalar_type() == ScalarType::Short ? IndexType::kUInt16 : IndexType::kInt32;
  args.sources = static_cast<const int32_t*>(sources.data_ptr());
  args.count = indices.size(0);
}

// [N, H, W, C] as [N, C, H, W], a view.
Tensor channels_to_front(const Tensor& map) {
  return torch::stable::transpose(torch::stable::transpose(map, 1, 3), 2, 3);
}

}  // namespace

void require(bool condition, const std::string& message) {
  if (!condition) throw std::invalid_argument(message);
}

Pyramid pyramid_of(const std::vector<int64_t>& levels) {
  require(!levels.empty() && levels.size() % 2 == 0 && levels.size() <= 2 * kMaxLevels,
          "levels: expected 1 to " + std::to_string(kMaxLevels) + " (rows, columns) pairs");
  int64_t bins = 0;
  for (size_t l = 0; l < levels.size(); l += 2) {
    require(levels[l] > 0 && levels[l + 1] > 0 && levels[l] <= kMostBins && levels[l + 1] <= kMostBins,
            "levels: expected positive numbers");
    bins += levels[l] * levels[l + 1];
    require(bins <= kMostBins, "levels: expected at most 2**24 bins");
  }
  return make_pyramid(levels.data(), static_cast<int32_t>(levels.size() / 2));
}

void set_boxes(ForwardArgs& args, const Tensor& rois, const std::optional<Tensor>& map_index, double target_area) {
  require(rois.dim() == 2 && rois.size(1) == 5, "rois: expected [R, 5]");
  args.boxes.data = rois.data_ptr();
  args.boxes.type = data_type(rois, "rois");
  args.boxes.row_stride = rois.stride(0);
  args.boxes.column_stride = rois.stride(1);
  args.boxes.count = rois.size(0);
  args.boxes.target_area = target_area;
  if (map_index.has_value()) {
    require(map_index->dim() == 1 && map_index->size(0) == rois.size(0) && map_index->is_contiguous() &&
                map_index->scalar_type() == ScalarType::Long && same_place(*map_index, rois),
            "map_index: expected contiguous [R] of int64 on the device of rois");
    args.boxes.map_index = static_cast<const int64_t*>(map_index->data_ptr());
  }
}

ForwardArgs forward_args(const std::vector<Tensor>& features, const Tensor& rois,
                         const std::optional<Tensor>& map_index, const std::vector<int64_t>& levels,
                         const std::vector<double>& projections, double target_area) {
  ForwardArgs args{};
  args.pyramid = pyramid_of(levels);
  set_maps(args, features, "features");
  require(projections.size() == features.size() * kProjectionNumbers, "projections: expected 17 numbers a map");
  for (size_t m = 0; m < features.size(); ++m) {
    const double* numbers = projections.data() + m * kProjectionNumbers;
    require(is_rule(numbers), "projections: expected finite numbers, scales and strides positive");
    args.maps[m].projection = projection_from_numbers(numbers);
  }
  require(same_place(rois, features[0]), "rois: expected the device of features");
  set_boxes(args, rois, map_index, target_area);
  return args;
}

Tensor new_output(const Tensor& features, const ForwardArgs& args) {
  return new_tensor(features, {args.boxes.count, args.channels * args.pyramid.bins});
}

void set_output(ForwardArgs& args, const Tensor& output) {
  args.output = output.data_ptr();
  args.output_stride = output.stride(0);
}

Tensor new_indices(const Tensor& features, ForwardArgs& args) {
  int64_t most_cells = 0;
  for (int32_t m = 0; m < args.map_count; ++m) {
    most_cells = larger(most_cells, static_cast<int64_t>(args.maps[m].height) * args.maps[m].width);
  }
  args.index_type = most_cells <= kMaxCells16 ? IndexType::kUInt16 : IndexType::kInt32;
  const ScalarType type = args.index_type == IndexType::kUInt16 ? ScalarType::Short : ScalarType::Int;
  Tensor indices = new_tensor(features, {args.boxes.count, args.channels * args.pyramid.bins}, type);
  args.indices = indices.data_ptr();
  return indices;
}

Tensor new_sources(const Tensor& features, ForwardArgs& args) {
  Tensor sources = new_tensor(features, {args.boxes.count}, ScalarType::Int);
  args.sources = static_cast<int32_t*>(sources.data_ptr());
  return sources;
}

BackwardArgs backward_args(const Tensor& grad_output, const Tensor& indices, const Tensor& sources,
                           const std::vector<int64_t>& levels, const std::vector<int64_t>& shape,
                           const std::vector<int64_t>& channels_last, bool deterministic,
                           std::vector<Tensor>& grad_maps) {
  BackwardArgs args{};
  args.pyramid = pyramid_of(levels);
  require(shape.size() >= 4 && shape.size() % 2 == 0 && shape.size() <= 2 + 2 * kMaxMaps,
          "shape: expected N, C and a height and width a map");
  require(channels_last.size() == shape.size() / 2 - 1, "channels_last: expected 0 or 1 for each map");
  require(has_images(shape[0]) && shape[1] >= 0, "shape: expected N and C that a map can have");
  args.map_count = static_cast<int32_t>(shape.size() / 2 - 1);
  args.images = static_cast<int32_t>(shape[0]);
  args.channels = shape[1];
  args.type = data_type(grad_output, "grad_output");
  args.deterministic = deterministic;
  set_indices(args, indices, sources, grad_output);
  require(grad_output.dim() == 2 && grad_output.size(0) == indices.size(0) && grad_output.size(1) == indices.size(1),
          "grad_output: expected the shape of indices");
  args.grad_output = grad_output.data_ptr();
  args.grad_row_stride = grad_output.stride(0);
  args.grad_column_stride = grad_output.stride(1);
  for (int32_t m = 0; m < args.map_count; ++m) {
    const int64_t height = shape[static_cast<size_t>(2 + 2 * m)], width = shape[static_cast<size_t>(3 + 2 * m)];
    require(has_cells(height, width), "shape: expected 1 to 2**31 - 1 cells a map");
    args.heights[m] = static_cast<int32_t>(height);
    args.widths[m] = static_cast<int32_t>(width);
    const bool last = channels_last[static_cast<size_t>(m)] != 0;
    grad_maps.push_back(last ? channels_to_front(new_tensor(grad_output, {shape[0], height, width, shape[1]}))
                             : new_tensor(grad_output, {shape[0], shape[1], height, width}));
    args.grad_maps[m] = grad_maps.back().data_ptr();
    args.channels_last[m] = last;
  }
  return args;
}

GatherArgs gather_args(const std::vector<Tensor>& maps, const Tensor& indices, const Tensor& sources,
                       const std::vector<int64_t>& levels, const Tensor& output) {
  GatherArgs args{};
  args.pyramid = pyramid_of(levels);
  set_maps(args, maps, "maps");
  set_indices(args, indices, sources, maps[0]);
  args.output = output.data_ptr();
  return args;
}

}  // namespace spp::ops
