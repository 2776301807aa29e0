// Selective search on CPU tensors.
#include "../kernels/cpu/selective_search.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>

#include <limits>

#include "allocation.h"
#include "arguments.h"
#include "threads.h"

namespace spp::ops {
namespace {

using torch::headeronly::ScalarType;

void require_image(const Tensor& tensor, ScalarType type, const Tensor& smooth, int64_t planes, const char* name) {
  require(tensor.is_cpu() && tensor.dim() == 3 && tensor.is_contiguous() && tensor.scalar_type() == type &&
              tensor.size(0) == smooth.size(0) && tensor.size(1) == smooth.size(1) &&
              tensor.size(2) == planes * smooth.size(2),
          std::string(name) + ": expected contiguous [H, W, planes] of the sizes and types that belong together");
}

Tensor selective_search(const std::vector<Tensor>& smooth, const std::vector<Tensor>& colors,
                        const std::vector<Tensor>& gradients, const std::vector<double>& scales, int64_t least_size,
                        const std::vector<int64_t>& measures) {
  require(!smooth.empty() && smooth.size() == colors.size() && smooth.size() == gradients.size(),
          "smooth, colors, gradients: expected one of each a color space");
  cpu::SelectiveSearch what;
  for (size_t i = 0; i < smooth.size(); ++i) {
    require(smooth[i].dim() == 3 && smooth[i].size(2) > 0 && smooth[i].size(2) <= 16, "smooth: expected [H, W, C]");
    require(smooth[i].size(0) > 0 && smooth[i].size(1) > 0 &&
                smooth[i].size(0) <= std::numeric_limits<int32_t>::max() / 16 / smooth[i].size(1),
            "smooth: expected 1 to 2**27 - 1 pixels");
    require_image(smooth[i], ScalarType::Float, smooth[i], 1, "smooth");
    require_image(colors[i], ScalarType::Byte, smooth[i], 1, "colors");
    require_image(gradients[i], ScalarType::Byte, smooth[i], cpu::kDirections, "gradients");
    const int32_t height = static_cast<int32_t>(smooth[i].size(0)), width = static_cast<int32_t>(smooth[i].size(1));
    const int32_t channels = static_cast<int32_t>(smooth[i].size(2));
    what.smooth.push_back({static_cast<const float*>(smooth[i].data_ptr()), height, width, channels});
    what.images.push_back({static_cast<const uint8_t*>(colors[i].data_ptr()),
                           static_cast<const uint8_t*>(gradients[i].data_ptr()), height, width, channels});
  }
  for (const double scale : scales) {
    require(scale > 0 && scale <= 1e9, "scales: expected numbers above 0");
    what.scales.push_back(static_cast<float>(scale));
  }
  for (const int64_t each : measures) {
    require(each > 0 && each <= cpu::kAllMeasures, "measures: expected sets of measures, 1 to 15");
    what.measures.push_back(static_cast<int32_t>(each));
  }
  require(least_size >= 0 && least_size <= std::numeric_limits<int32_t>::max(), "least_size: expected 0 or more");
  what.least_size = static_cast<int32_t>(least_size);

  const std::vector<cpu::Box> boxes = cpu::search(what, torch_threads());
  Tensor result = new_tensor(smooth[0], {static_cast<int64_t>(boxes.size()), 4}, ScalarType::Int);
  int32_t* corner = static_cast<int32_t*>(result.data_ptr());
  for (const cpu::Box& box : boxes) {
    for (const int32_t each : {box.x1, box.y1, box.x2 - 1, box.y2 - 1}) *corner++ = each;
  }
  return result;
}

}  // namespace
}  // namespace spp::ops

STABLE_TORCH_LIBRARY_IMPL(spp_ops, CPU, m) { m.impl("selective_search", TORCH_BOX(&spp::ops::selective_search)); }
