// Which calls pool from resident slices, and how: decided on the host.
#pragma once

#include "forward_plan.h"
#include "resident.h"

namespace spp::cuda {

struct ResidentPlan {
  bool possible;  // else forward_plan.h serves the call
  ProjectBinsArgs project;
  SpanArgs spans;
  ResidentArgs pool;
  size_t shared_bytes;
  size_t workspace_bytes;
};

// How many tables a slice of a map gets: as many as its bins can use, or one less if shared memory is short; -1: not
// even that.
inline int32_t resident_doublings(const FeatureMap& map, const ResidentArgs& args, int channels, int64_t most_bytes) {
  const int64_t cells = int64_t{map.height} * map.width;
  const int32_t wanted = wanted_doublings(map, args.pyramid);
  for (int32_t doublings = wanted; doublings >= larger(wanted - 1, 0); --doublings) {
    const size_t bytes = resident_shared_bytes((doublings + 1) * cells, args, channels);
    if (cells <= kMostResidentCells && static_cast<int64_t>(bytes) <= most_bytes) return doublings;
  }
  return -1;
}

// The rows of a warp's batch, and the shared memory of a block: two blocks share a multiprocessor where they can.
inline void choose_batch(ResidentArgs& pool, int channels, int64_t block_bytes, int64_t processor_bytes) {
  const auto bytes = [&](int32_t batch) {
    pool.batch = batch;
    return static_cast<int64_t>(resident_shared_bytes(pool.table_vectors, pool, channels));
  };
  const int64_t shared = processor_bytes / kResidentBlocks - kSystemSharedBytes;
  const int64_t most = smaller(bytes(1) <= shared ? shared : block_bytes, block_bytes);
  int32_t batch = kMostBatchRows;
  while (batch > 1 && bytes(batch) > most) --batch;
  pool.batch = batch;
}

// Blocks that share the rows of a slice, where there are fewer slices than the device takes at once.
inline int32_t choose_shares(int64_t slices, size_t shared_bytes, int64_t processor_bytes, int64_t rows) {
  const int64_t together = smaller<int64_t>(processor_bytes / static_cast<int64_t>(shared_bytes), kResidentBlocks);
  const int64_t blocks = device_attribute(cudaDevAttrMultiProcessorCount) * larger<int64_t>(together, 1);
  const int64_t useful = ceil_div(rows, kResidentThreads);  // so that every warp has rows to look at
  return static_cast<int32_t>(clamp<int64_t>(blocks / larger<int64_t>(slices, 1), 1, useful));
}

template <typename T>
bool leaves_in_runs(const ForwardArgs& args, const Level& level, int channels_of_vector, size_t index_bytes) {
  const auto fits = [&](int64_t number) { return number % channels_of_vector == 0; };
  return fits(args.output_stride) && fits(args.channels * args.pyramid.bins) && fits(args.channels * level.first_bin) &&
         reinterpret_cast<uintptr_t>(args.output) % (channels_of_vector * sizeof(T)) == 0 &&
         reinterpret_cast<uintptr_t>(args.indices) % (channels_of_vector * index_bytes) == 0;
}

template <typename T, typename Index>
ResidentPlan plan_resident(const ForwardArgs& args, void* workspace) {
  using Cell = Vector<Entries<T, Index>>;
  ResidentPlan plan{};
  const int64_t block_bytes = device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  // Rows, and the columns of one, are numbered in 32 bits.
  if (args.boxes.count > INT32_MAX || args.channels * args.pyramid.bins > INT32_MAX ||
      !tables_pay(args, args.pyramid)) {
    return plan;
  }
  ResidentArgs& pool = plan.pool;
  pool.pyramid = args.pyramid;
  pool.batch = 1;
  pool.runs = true;
  for (int32_t l = 0; l < args.pyramid.count; ++l) {
    const Level& level = args.pyramid.levels[l];
    pool.levels[l] = {Divider(static_cast<uint32_t>(level.bins())), Divider(static_cast<uint32_t>(level.columns))};
    pool.runs = pool.runs && leaves_in_runs<T>(args, level, Cell::kChannels, sizeof(Index));
    int32_t& bins = level.source < 0 ? pool.per_row : pool.merged;
    pool.first[l] = bins;
    plan.project.first[l] = level.source < 0 ? bins : -1;
    plan.project.dividers[l] = LevelDividers(level);
    bins += level.bins();
  }
  const int64_t vectors = ceil_div(args.channels, Cell::kChannels);
  int64_t table_vectors = 0;
  for (int32_t m = 0; m < args.map_count; ++m) {
    const FeatureMap& map = args.maps[m];
    const int32_t doublings = resident_doublings(map, pool, Cell::kChannels, block_bytes);
    if (doublings < 0) return plan;
    pool.maps[m] = {map.data,
                    map.image_stride,
                    map.channel_stride,
                    map.row_stride,
                    map.column_stride,
                    0,
                    map.height,
                    map.width,
                    Divider(static_cast<uint32_t>(larger(map.width, 1))),
                    doublings,
                    reads_whole_vectors<T>(map, Cell::kChannels)};
    plan.project.doublings[m] = doublings;
    table_vectors = larger(table_vectors, (doublings + 1) * int64_t{map.height} * map.width);
  }
  plan.possible = true;
  const int64_t processor_bytes = device_attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
  pool.table_vectors = static_cast<int32_t>(table_vectors);
  choose_batch(pool, Cell::kChannels, block_bytes, processor_bytes);
  plan.shared_bytes = resident_shared_bytes(table_vectors, pool, Cell::kChannels);
  const int64_t slices = args.map_count * args.images * vectors;
  pool.shares = choose_shares(slices, plan.shared_bytes, processor_bytes, args.boxes.count);
  for (int32_t m = 0; m < args.map_count; ++m) pool.maps[m].blocks = args.images * pool.shares * vectors;
  pool.blocks = slices * pool.shares;

  Workspace memory(workspace);
  const int64_t source_count = int64_t{args.map_count} * args.images;
  plan.project.sources = args.sources != nullptr ? args.sources : memory.take<int32_t>(args.boxes.count);
  plan.project.bins = memory.take<BinSquares>(args.boxes.count * pool.per_row);
  plan.project.items = RowItems(args.boxes.count, pool.per_row);
  plan.project.forward = args;
  plan.spans = {plan.project.sources, source_count, args.boxes.count,
                source_count > 1 ? memory.take<uint64_t>(2 * source_count) : nullptr};
  plan.project.spans = plan.spans.spans;
  plan.workspace_bytes = memory.used();

  pool.bins = plan.project.bins;
  pool.sources = plan.project.sources;
  pool.spans = plan.spans.spans;
  pool.rows = args.boxes.count;
  pool.channels = args.channels;
  pool.vectors = vectors;
  pool.images = args.images;
  pool.output = args.output;
  pool.output_stride = args.output_stride;
  pool.indices = args.indices;
  return plan;
}

template <typename T, typename Index>
void run_resident(const ResidentPlan& plan, Stream stream) {
  clear_spans(plan.spans, stream);
  launch("project_bins", project_bins<T, Index>,
         {ceil_div(plan.project.items.total(), kProjectBinsThreads), 1, kProjectBinsThreads, 0}, stream, plan.project);
  launch("pool_resident", pool_resident<T, Index>,
         {plan.pool.blocks, 1, kResidentThreads, plan.shared_bytes, kResidentBlocks, true}, stream, plan.pool);
}

}  // namespace spp::cuda
