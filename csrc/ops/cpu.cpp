// The operators on CPU tensors, on torch's own thread pool.
#include "../kernels/cpu/roi_spp_cpu.h"
#include "operators.h"
#include "threads.h"

namespace spp::ops {
namespace {

// The kernels divide by the number of images and pick maps by what they find here; a look at R numbers costs nothing.
template <typename Args>
void refuse_bad_source(const Args& args) {
  const int64_t most = static_cast<int64_t>(args.map_count) * args.images;
  for (int64_t r = 0; r < args.count; ++r) {
    const int32_t source = args.sources[r];
    if (source == kBadRow || (source >= 0 && source < most)) continue;
    require(false, "sources: row " + std::to_string(r) + " is " + std::to_string(source) + ", expected -1 to " +
                       std::to_string(most - 1));
  }
}

struct Cpu {
  static int64_t forward(ForwardArgs& args, const Tensor&) { return cpu::forward(args, torch_threads()); }
  static void backward(BackwardArgs& args, const Tensor&) {
    refuse_bad_source(args);
    cpu::backward(args, torch_threads());
  }
  static void gather(GatherArgs& args, const Tensor&) {
    refuse_bad_source(args);
    cpu::gather(args, torch_threads());
  }
};

// Raises the error of the first bad row, if there is one.
void check_rois(const Tensor& rois, const std::optional<Tensor>& map_index, int64_t images, int64_t maps) {
  require(maps > 0 && maps <= kMaxMaps, "maps: expected 1 to " + std::to_string(kMaxMaps));
  ForwardArgs args{};
  set_boxes(args, rois, map_index, 0.0);
  args.images = static_cast<int32_t>(images);
  args.map_count = static_cast<int32_t>(maps);
  refuse_bad_row(cpu::first_bad_row(args), args);
}

}  // namespace
}  // namespace spp::ops

STABLE_TORCH_LIBRARY_IMPL(spp_ops, CPU, m) {
  spp::ops::Operators<spp::ops::Cpu>::register_in(m);
  m.impl("check_rois", TORCH_BOX(&spp::ops::check_rois));
}
