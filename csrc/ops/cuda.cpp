// The operators on CUDA tensors: on the tensors' device and its current stream, without waiting for it.
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/ops.h>

#include "../kernels/cuda/roi_spp_cuda.h"
#include "operators.h"

namespace spp::ops {
namespace {

constexpr int64_t kNoBadRow = -1;  // rows are looked at on the device: a bad one becomes NaN

// Where kernels are launched while this lives.
class Launch {
 public:
  explicit Launch(const Tensor& beside) : guard_(beside.get_device_index()) {
    void* stream = nullptr;
    TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(beside.get_device_index(), &stream));
    stream_ = static_cast<cuda::Stream>(stream);
  }

  cuda::Stream stream() const { return stream_; }

 private:
  torch::stable::accelerator::DeviceGuard guard_;
  cuda::Stream stream_;
};

// Scratch memory from torch's own pool: it may be reused by later work on the same stream as soon as this is gone.
Tensor new_workspace(const Tensor& beside, size_t bytes) {
  return torch::stable::new_empty(beside, {static_cast<int64_t>(bytes)}, torch::headeronly::ScalarType::Byte);
}

struct Cuda {
  static int64_t forward(ForwardArgs& args, const Tensor& beside) {
    const Launch launch(beside);
    const Tensor workspace = new_workspace(beside, cuda::forward_workspace_bytes(args));
    cuda::forward(args, workspace.data_ptr(), launch.stream());
    return kNoBadRow;
  }

  static void backward(BackwardArgs& args, const Tensor& beside) {
    const Launch launch(beside);
    const Tensor workspace = new_workspace(beside, cuda::backward_workspace_bytes(args));
    cuda::backward(args, workspace.data_ptr(), launch.stream());
  }

  static void gather(GatherArgs& args, const Tensor& beside) {
    const Launch launch(beside);
    cuda::gather(args, launch.stream());
  }
};

#define SPP_TEXT_OF(x) #x
#define SPP_TEXT(x) SPP_TEXT_OF(x)

// What the kernels were compiled with, and for which GPUs, as JSON.
std::string cuda_build_info() {
  return "{\"cuda\": \"" SPP_TEXT(SPP_CUDA_VERSION) "\", \"cuda_archs\": \"" SPP_TEXT(SPP_CUDA_ARCHS) "\"}";
}

}  // namespace
}  // namespace spp::ops

// Known only where this library is loaded.
STABLE_TORCH_LIBRARY_FRAGMENT(spp_ops, m) { m.def("cuda_build_info() -> str"); }

STABLE_TORCH_LIBRARY_IMPL(spp_ops, CompositeExplicitAutograd, m) {
  m.impl("cuda_build_info", TORCH_BOX(&spp::ops::cuda_build_info));
}

STABLE_TORCH_LIBRARY_IMPL(spp_ops, CUDA, m) { spp::ops::Operators<spp::ops::Cuda>::register_in(m); }
