#include "cuda_runtime.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <unordered_map>

namespace {

constexpr size_t kPlainSharedBytes = 48 * 1024;
constexpr int kSystemSharedBytes = 1024;  // that a block takes of a multiprocessor besides its own
constexpr unsigned kMaxThreads = 1024;

// How much shared memory each kernel has asked for with cudaFuncSetAttribute.
std::unordered_map<const void*, size_t>& allowed_shared_bytes() {
  static std::unordered_map<const void*, size_t> bytes;
  return bytes;
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
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *value = settings.max_shared_bytes + kSystemSharedBytes; break;
  }
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute, int value) {
  if (value < 0 || value > spp::cuda_host::settings().max_shared_bytes) return refuse(cudaErrorInvalidValue);
  allowed_shared_bytes()[kernel] = static_cast<size_t>(value);
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  if (is_default(stream)) return refuse(cudaErrorInvalidResourceHandle);
  std::memset(memory, value, bytes);
  return cudaSuccess;
}

namespace spp::cuda_host {

cudaError_t run_grid(const cudaLaunchConfig_t& config, const void* kernel, const std::function<void()>& body) {
  if (is_default(config.stream)) return refuse(cudaErrorInvalidResourceHandle);
  const auto& allowed = allowed_shared_bytes();
  const auto asked = allowed.find(kernel);
  const size_t limit = std::max(kPlainSharedBytes, asked == allowed.end() ? 0 : asked->second);
  const dim3 grid = config.gridDim;
  if (config.blockDim.x == 0 || config.blockDim.x > kMaxThreads || config.blockDim.y != 1 || config.blockDim.z != 1 ||
      grid.x == 0 || grid.x > max_grid_x() || grid.y == 0 || grid.y > max_grid_y() || grid.z != 1 ||
      config.dynamicSmemBytes > limit) {
    return refuse(cudaErrorInvalidConfiguration);
  }
  std::mt19937_64 random(settings().seed);
  std::vector<uint64_t> order(uint64_t{grid.x} * grid.y);
  std::iota(order.begin(), order.end(), uint64_t{0});
  if (settings().random_order) std::shuffle(order.begin(), order.end(), random);
  gridDim = grid;
  blockDim = config.blockDim;
  for (uint64_t number : order) {
    blockIdx = {static_cast<unsigned>(number % grid.x), static_cast<unsigned>(number / grid.x), 0};
    const std::string what = "block (" + std::to_string(blockIdx.x) + ", " + std::to_string(blockIdx.y) + ")";
    Block block(static_cast<int>(config.blockDim.x), config.dynamicSmemBytes, what, random);
    block.run([&](int thread) {
      threadIdx = {static_cast<unsigned>(thread), 0, 0};
      body();
    });
  }
  return cudaSuccess;
}

}  // namespace spp::cuda_host
