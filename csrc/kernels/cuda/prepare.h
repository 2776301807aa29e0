// First step of forward by tables in global memory, in one launch: blocks that place the rows, and blocks that build
// the tables. Neither waits for the other: what a block of tables has to know of the rows it works out itself.
#pragma once

#include "project.h"
#include "tables.h"

namespace spp::cuda {

constexpr int kPrepareThreads = kTableThreads;

struct PrepareArgs {
  ProjectArgs rows;
  TableArgs tables;
  int64_t row_blocks;  // the first ones
};

template <typename T, typename Index>
__global__ void SPP_LAUNCH_BOUNDS(kPrepareThreads, kTableBlocks) prepare(const __grid_constant__ PrepareArgs args) {
  let_next_kernel_begin();
  for (int64_t block = blockIdx.x; block < args.row_blocks + args.tables.blocks; block += gridDim.x) {
    if (block < args.row_blocks) {
      const int64_t i = block * kPrepareThreads + threadIdx.x;
      if (i < args.rows.items.total()) place_row(args.rows, i);
    } else {
      TableTile<T, Index>(args.rows.forward, args.tables, block - args.row_blocks).build();
    }
  }
}

}  // namespace spp::cuda
