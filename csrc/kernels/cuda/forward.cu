// Forward: from resident slices where they fit shared memory, else by tables in global memory: place the rows, build
// the tables, pool the windows.
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
  launch("project_rows", project_rows, {ceil_div(plan.project.items.total(), kProjectThreads), 1, kProjectThreads, 0},
         stream, plan.project);
  launch("build_tables", build_tables<T, Index>,
         {plan.tables.blocks, 1, kTableThreads, table_shared_bytes(plan.tables.doublings), kTableBlocks}, stream,
         plan.tables);
  launch("pool_windows", pool_windows<T, Index>,
         {ceil_div(plan.pool.rows, kPoolWarps), ceil_div(plan.pool.vectors, kChunkVectors), kPoolWarps * kWarpSize,
          pool_shared_bytes(plan.pool.buffer_bins), kPoolBlocks},
         stream, plan.pool);
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
