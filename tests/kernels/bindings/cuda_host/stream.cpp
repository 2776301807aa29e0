#include "stream.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace spp::cuda_host {
namespace {

// Each but the first may begin before the one in front of it has ended.
std::vector<Grid>& waiting() {
  static std::vector<Grid> grids;
  return grids;
}

// What threads see of their place in the grid, put back at the end: kernels run within each other.
class GridVariables {
 public:
  GridVariables() : thread_(threadIdx), block_(blockIdx), block_dim_(blockDim), grid_dim_(gridDim) {}
  ~GridVariables() {
    threadIdx = thread_;
    blockIdx = block_;
    blockDim = block_dim_;
    gridDim = grid_dim_;
  }
  GridVariables(const GridVariables&) = delete;
  GridVariables& operator=(const GridVariables&) = delete;

 private:
  uint3 thread_;
  uint3 block_;
  dim3 block_dim_;
  dim3 grid_dim_;
};

// Runs the grids up to this one.
void run(const std::vector<Grid>& grids, size_t number) {
  const GridVariables kept;
  const Grid& grid = grids[number];
  bool earlier_done = number == 0;
  const auto run_earlier = [&] {
    if (!earlier_done) run(grids, number - 1);
    earlier_done = true;
  };
  if (!grid.early) run_earlier();
  std::mt19937_64 random(settings().seed);
  std::vector<uint64_t> order(uint64_t{grid.blocks.x} * grid.blocks.y);
  std::iota(order.begin(), order.end(), uint64_t{0});
  if (settings().random_order) std::shuffle(order.begin(), order.end(), random);
  for (uint64_t each : order) {
    gridDim = grid.blocks;
    blockDim = grid.threads;
    blockIdx = {static_cast<unsigned>(each % grid.blocks.x), static_cast<unsigned>(each / grid.blocks.x), 0};
    const std::string what = "block (" + std::to_string(blockIdx.x) + ", " + std::to_string(blockIdx.y) + ")";
    Block block(static_cast<int>(grid.threads.x), grid.shared_bytes, what, random);
    block.run(
        [&](int thread) {
          threadIdx = {static_cast<unsigned>(thread), 0, 0};
          grid.body();
        },
        grid.early, run_earlier);
  }
}

}  // namespace

void enqueue_grid(Grid grid) {
  if (!grid.early) synchronize();
  waiting().push_back(std::move(grid));
}

void synchronize() {
  const std::vector<Grid> grids = std::exchange(waiting(), {});
  if (!grids.empty()) run(grids, grids.size() - 1);
}

void run_call(const std::function<void()>& call) {
  try {
    call();
    synchronize();
  } catch (...) {
    waiting().clear();
    throw;
  }
}

}  // namespace spp::cuda_host
