#include "cuda_runtime.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "stream.h"

namespace {

constexpr size_t kPlainSharedBytes = 48 * 1024;
constexpr int kSystemBytes = 1024;  // that a block takes of a multiprocessor besides its own
constexpr unsigned kMaxThreads = 1024;

// What each kernel has asked for with cudaFuncSetAttribute.
struct Asked {
  size_t shared_bytes = kPlainSharedBytes;
  int carve_out = -1;  // per cent of the multiprocessor's shared memory; -1: the driver chooses
};

Asked& asked_for(const void* kernel) {
  static std::unordered_map<const void*, Asked> known;
  return known[kernel];
}

// What a call refused, until somebody asks.
cudaError_t& last_error() {
  static cudaError_t error = cudaSuccess;
  return error;
}

cudaError_t refuse(cudaError_t error) {
  if (last_error() == cudaSuccess) last_error() = error;
  return error;
}

// Work on the default stream would wait for, and hold up, that of every other stream: torch's are never it.
bool is_default(cudaStream_t stream) { return stream == nullptr; }

}  // namespace

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidResourceHandle: return "cudaErrorInvalidResourceHandle";
  }
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorInvalidConfiguration: return "invalid configuration argument";
    case cudaErrorInvalidResourceHandle: return "invalid resource handle";
  }
  return "unrecognized error code";
}

cudaError_t cudaPeekAtLastError() { return last_error(); }

cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error();
  last_error() = cudaSuccess;
  return error;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  const auto& settings = spp::cuda_host::settings();
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount: *value = settings.multiprocessors; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = settings.max_shared_bytes; break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *value = settings.max_shared_bytes + kSystemBytes; break;
  }
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  const bool carve_out = attribute == cudaFuncAttributePreferredSharedMemoryCarveout;
  const int most = carve_out ? 100 : spp::cuda_host::settings().max_shared_bytes;
  if (value < 0 || value > most) return refuse(cudaErrorInvalidValue);
  if (carve_out) {
    asked_for(kernel).carve_out = value;
  } else {
    asked_for(kernel).shared_bytes = static_cast<size_t>(value);
  }
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  attributes->ptxVersion = spp::cuda_host::settings().code_version;
  attributes->binaryVersion = spp::cuda_host::settings().device_version;
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus* status) {
  *status = spp::cuda_host::settings().capturing ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  if (is_default(stream)) return refuse(cudaErrorInvalidResourceHandle);
  spp::cuda_host::synchronize();
  std::memset(memory, value, bytes);
  return cudaSuccess;
}

namespace spp::cuda_host {

std::vector<Launch>& launches() {
  static std::vector<Launch> noted;
  return noted;
}

cudaError_t enqueue(const cudaLaunchConfig_t& config, const void* kernel, std::function<void()> body) {
  if (is_default(config.stream)) return refuse(cudaErrorInvalidResourceHandle);
  const Asked& asked = asked_for(kernel);
  const dim3 grid = config.gridDim;
  if (config.blockDim.x == 0 || config.blockDim.x > kMaxThreads || config.blockDim.y != 1 || config.blockDim.z != 1 ||
      grid.x == 0 || grid.x > max_grid_x() || grid.y == 0 || grid.y > max_grid_y() || grid.z != 1 ||
      config.dynamicSmemBytes > std::max(kPlainSharedBytes, asked.shared_bytes)) {
    return refuse(cudaErrorInvalidConfiguration);
  }
  bool early = false;
  for (unsigned i = 0; i < config.numAttrs; ++i)
    early |= config.attrs[i].val.programmaticStreamSerializationAllowed != 0;
  launches().push_back({grid.x, grid.y, config.blockDim.x, config.dynamicSmemBytes, asked.carve_out, early});
  enqueue_grid({grid, config.blockDim, config.dynamicSmemBytes, early, std::move(body)});
  return cudaSuccess;
}

}  // namespace spp::cuda_host
