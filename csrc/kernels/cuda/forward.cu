// Forward: from resident slices where they fit shared memory, else by tables in global memory: place the rows and build
// the tables, then pool the windows.
#include "resident_plan.h"

namespace spp::cuda {
namespace {

template <typename Call>
void with_types(const ForwardArgs& args, Call&& call) {
  with_type(args.type, [&](auto type) {
    if (args.indices == nullptr) return call(type, Type<NoIndex>{});
    with_index_type(args.index_type, [&](auto index_type) { call(type, index_type); });
  });
}

template <typename T, typename Index>
void run(const ForwardArgs& args, void* workspace, Stream stream) {
  if (const auto resident = plan_resident<T, Index>(args, workspace); resident.possible) {
    return run_resident<T, Index>(resident, stream);
  }
  const ForwardPlan plan = plan_forward<T, Index>(args, workspace);
  const PrepareArgs& prepared = plan.prepare;
  launch("prepare", prepare<T, Index>,
         {prepared.row_blocks + prepared.tables.blocks, 1, kPrepareThreads,
          table_shared_bytes(prepared.tables.doublings), kTableBlocks},
         stream, prepared);
  const PoolArgs& pool = plan.pool;
  const int32_t teams = teams_of_block(pool.team_warps);
  launch("pool_windows", pool_windows<T, Index>,
         {ceil_div(pool.rows, teams), ceil_div(pool.vectors, kChunkVectors), teams * pool.team_warps * kWarpSize,
          pool_shared_bytes(pool.buffer_bins, pool.team_warps), pool.team_warps == 1 ? kPairBlocks : kPoolBlocks, true},
         stream, pool);
}

}  // namespace

size_t forward_workspace_bytes(const ForwardArgs& args) {
  size_t bytes = 0;
  with_types(args, [&](auto type, auto index_type) {
    using T = typename decltype(type)::type;
    using Index = typename decltype(index_type)::type;
    const auto resident = plan_resident<T, Index>(args, nullptr);
    bytes = resident.possible ? resident.workspace_bytes : plan_forward<T, Index>(args, nullptr).workspace_bytes;
  });
  return bytes;
}

void forward(const ForwardArgs& args, void* workspace, Stream stream) {
  if (args.boxes.count == 0) return;
  with_types(args, [&](auto type, auto index_type) {
    run<typename decltype(type)::type, typename decltype(index_type)::type>(args, workspace, stream);
  });
}

}  // namespace spp::cuda
