// The kernels' threads: torch's own pool.
#pragma once

#include <torch/csrc/stable/ops.h>

#include "../kernels/cpu/parallel.h"

namespace spp::ops {

inline cpu::Parallel torch_threads() {
  return {static_cast<int>(torch::stable::get_num_threads()), [](int workers, const std::function<void(int)>& body) {
            torch::stable::parallel_for(0, workers, 1, [&](int64_t begin, int64_t end) {
              for (int64_t i = begin; i < end; ++i) body(static_cast<int>(i));
            });
          }};
}

}  // namespace spp::ops
