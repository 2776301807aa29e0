// The CUDA back end's entry points. They enqueue work on `stream` and return: no synchronization, no allocation, no
// read of device data, so every call may be captured in a CUDA graph. Pointers in the arguments are device pointers.
//
// Scratch memory comes from the caller: as many bytes as the *_workspace_bytes function says (0: null will do), aligned
// to kWorkspaceAlignment, and free for reuse once the stream has passed the call. The functions work on the current
// device. What CUDA refuses becomes a std::runtime_error that names the kernel and its sizes.
#pragma once

#include <cstddef>

#include "../roi_spp.h"

struct CUstream_st;

namespace spp::cuda {

using Stream = CUstream_st*;  // cudaStream_t, without the CUDA headers

constexpr size_t kWorkspaceAlignment = 256;

size_t forward_workspace_bytes(const ForwardArgs& args);
void forward(const ForwardArgs& args, void* workspace, Stream stream);

size_t backward_workspace_bytes(const BackwardArgs& args);
void backward(const BackwardArgs& args, void* workspace, Stream stream);

void gather(const GatherArgs& args, Stream stream);

}  // namespace spp::cuda
