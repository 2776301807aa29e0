// Kernels that wait for their turn, and how they run: block by block.
#pragma once

#include <functional>

#include "cuda_runtime.h"

namespace spp::cuda_host {

struct Grid {
  dim3 blocks;
  dim3 threads;
  size_t shared_bytes;
  bool early;                  // may begin before the one in front of it has ended
  std::function<void()> body;  // of one thread
};

void enqueue_grid(Grid grid);

}  // namespace spp::cuda_host
