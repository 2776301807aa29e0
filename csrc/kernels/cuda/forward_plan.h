// What forward decides on the host: which levels read the map, how far the tables go, where things lie in the
// workspace.
#pragma once

#include "pool.h"
#include "prepare.h"

namespace spp::cuda {

// The most bins of a pyramid that the warps hold in the plain shared memory of a block; 64 of them leave at a time from
// a larger one.
constexpr int kBufferBins = kPlainSharedBytes / (kPairWarps * kPitch * 16);
constexpr int kRunBins = 64;
static_assert(kRunBins <= kBufferBins && kRunBins % 2 == 0);

struct ForwardPlan {
  PrepareArgs prepare;
  PoolArgs pool;
  size_t workspace_bytes;
};

// Hands out parts of the workspace; with a null base it only counts.
class Workspace {
 public:
  explicit Workspace(void* base) : base_(static_cast<unsigned char*>(base)) {}

  template <typename T>
  T* take(int64_t count) {
    T* part = base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + used_);
    used_ += round_up(count * static_cast<int64_t>(sizeof(T)), kWorkspaceAlignment);
    return part;
  }

  size_t used() const { return used_; }

 private:
  unsigned char* base_;
  size_t used_ = 0;
};

// Of all maps, in one image.
inline int64_t cells_of_maps(const ForwardArgs& args) {
  int64_t cells = 0;
  for (int32_t m = 0; m < args.map_count; ++m) cells += int64_t{args.maps[m].height} * args.maps[m].width;
  return cells;
}

inline int64_t bins_from_map(const Pyramid& pyramid) {
  int64_t bins = 0;
  for_levels_from_map(pyramid, [&](const Level& level) { bins += level.bins(); });
  return bins;
}

// Where windows are so few that their bins hardly outnumber the cells of the maps, tables of whole maps cost more than
// they save.
inline bool tables_pay(const ForwardArgs& args, const Pyramid& pyramid) {
  return args.boxes.count * bins_from_map(pyramid) >= 2 * args.images * cells_of_maps(args);
}

constexpr int64_t kManyCellsOfBin = 16;
constexpr int64_t kFewWindowsTableBytes = int64_t{512} << 20;

// A few windows of many cells, each read in one chain by a few lanes, would take as long as many. Tables under them
// shorten the chain; but what so few windows need must not take much memory.
inline bool tables_shorten(const ForwardArgs& args, const Pyramid& pyramid, int64_t bytes) {
  return cells_of_maps(args) >= kManyCellsOfBin * args.map_count * bins_from_map(pyramid) &&
         bytes <= kFewWindowsTableBytes;
}

// Larger squares than any bin of a level that reads the map would serve nobody.
inline int32_t wanted_doublings(const FeatureMap& map, const Pyramid& pyramid) {
  int32_t longest = 1;
  for (int32_t l = 0; l < pyramid.count; ++l) {
    const Level& level = pyramid.levels[l];
    if (level.source >= 0) continue;
    // A bin holds at most one cell more than its even share of the extent, rounded up.
    const int64_t rows = smaller<int64_t>(ceil_div(map.height, level.rows) + 1, map.height);
    const int64_t columns = smaller<int64_t>(ceil_div(map.width, level.columns) + 1, map.width);
    longest = larger(longest, static_cast<int32_t>(smaller(rows, columns)));
  }
  int32_t doublings = 0;
  while (doublings < kMaxDoublings && (2 << doublings) <= longest) ++doublings;
  return doublings;
}

// A vector of channels is read at once where they lie side by side and every cell of the map begins on its boundary.
template <typename T>
bool reads_whole_vectors(const FeatureMap& map, int channels_of_vector) {
  const auto fits = [&](int64_t stride) { return stride % channels_of_vector == 0; };
  return map.channel_stride == 1 && fits(map.image_stride) && fits(map.row_stride) && fits(map.column_stride) &&
         reinterpret_cast<uintptr_t>(map.data) % (channels_of_vector * sizeof(T)) == 0;
}

// Cells of one map are numbered in 32 bits, as the indices name them, and so are the bytes of one cell.
inline void check_sizes(const ForwardArgs& args, int64_t cell_bytes) {
  for (int32_t m = 0; m < args.map_count; ++m) {
    const int64_t cells = int64_t{args.maps[m].height} * args.maps[m].width;
    const bool short_indices = args.indices != nullptr && args.index_type == IndexType::kUInt16;
    const int64_t most_cells = short_indices ? kMaxCells16 : INT32_MAX;
    if (cells <= most_cells && cell_bytes <= INT32_MAX && args.pyramid.bins <= kMaxBins) continue;
    throw std::runtime_error("spp_ops: pool_windows: " + std::to_string(cells) + " cells, " +
                             std::to_string(args.channels) + " channels, " + std::to_string(args.pyramid.bins) +
                             " bins: too many for the kernel");
  }
}

// Warps that share a window and chunk: more than one where there are so few of these that most of the device would
// idle.
inline int32_t choose_team(int64_t works) {
  const int64_t at_once = int64_t{device_attribute(cudaDevAttrMultiProcessorCount)} * kPoolWarps * kPoolBlocks;
  return 2 * works < at_once ? kPoolWarps : 1;
}

template <typename T, typename Index>
ForwardPlan plan_forward(const ForwardArgs& args, void* workspace) {
  using Cell = Vector<Entries<T, Index>>;
  ForwardPlan plan{};
  const bool whole = args.pyramid.bins <= kBufferBins;
  Pyramid pyramid = args.pyramid;
  if (!whole) {
    for (int32_t l = 0; l < pyramid.count; ++l) pyramid.levels[l].source = -1;
  }
  RangeLayout layout{};
  for (int32_t l = 0; l < pyramid.count; ++l) {
    const Level& level = pyramid.levels[l];
    layout.first[l] = level.source < 0 ? layout.per_row : -1;
    layout.per_row += level.source < 0 ? level.rows + level.columns : 0;
  }
  const int64_t vectors = ceil_div(args.channels, Cell::kChannels);
  constexpr int64_t kVectorBytes = sizeof(Cell);
  check_sizes(args, vectors * kVectorBytes);
  int32_t doublings = 0;
  for (int32_t m = 0; m < args.map_count; ++m) doublings = larger(doublings, wanted_doublings(args.maps[m], pyramid));
  const int64_t table_bytes = args.images * cells_of_maps(args) * vectors * kVectorBytes;
  if (!tables_pay(args, pyramid)) {
    while (doublings > 0 && !tables_shorten(args, pyramid, (doublings + 1) * table_bytes)) --doublings;
  }

  Workspace memory(workspace);
  ProjectArgs& rows = plan.prepare.rows;
  rows.forward = args;
  rows.layout = layout;
  for (int32_t l = 0; l < pyramid.count; ++l) rows.dividers[l] = LevelDividers(pyramid.levels[l]);
  rows.items = RowItems(args.boxes.count, layout.per_row);
  rows.sources = args.sources != nullptr ? args.sources : memory.take<int32_t>(args.boxes.count);
  rows.ranges = memory.take<Range>(rows.items.total());
  plan.prepare.row_blocks = ceil_div(rows.items.total(), kPrepareThreads);

  TableArgs& tables = plan.prepare.tables;
  PoolArgs& pool = plan.pool;
  int64_t tiles = 0;
  for (int32_t m = 0; m < args.map_count; ++m) {
    const FeatureMap& map = args.maps[m];
    const int64_t image_size = int64_t{map.height} * map.width * vectors;
    Cell* data = memory.take<Cell>((doublings + 1) * args.images * image_size);
    const int32_t tiles_x = static_cast<int32_t>(ceil_div(map.width, kTileColumns));
    tables.maps[m] = {data, tiles_x * ceil_div(map.height, kTileRows), tiles_x,
                      reads_whole_vectors<T>(map, Cell::kChannels)};
    tiles += tables.maps[m].tiles;
    pool.maps[m] = {data, args.images * image_size * kVectorBytes, image_size * kVectorBytes,
                    static_cast<uint32_t>(map.width)};
  }
  tables.vectors = vectors;
  tables.doublings = doublings;
  tables.under_windows = args.boxes.count <= kMostScannedRows && 2 * args.boxes.count < tiles * args.images;
  tables.tile_columns = Divider(static_cast<uint32_t>(tile_side(kTileColumns, doublings)));
  tables.blocks = tiles * args.images * vectors;

  pool.pyramid = pyramid;
  pool.layout = layout;
  pool.ranges = rows.ranges;
  pool.sources = rows.sources;
  pool.rows = args.boxes.count;
  pool.channels = args.channels;
  pool.vectors = vectors;
  pool.images = args.images;
  pool.map_of = Divider(static_cast<uint32_t>(larger(args.images, 1)));
  pool.cell_bytes = static_cast<uint32_t>(vectors * kVectorBytes);
  pool.doublings = doublings;
  pool.buffer_bins = whole ? pyramid.bins : kRunBins;
  pool.team_warps = choose_team(args.boxes.count * ceil_div(vectors, kChunkVectors));
  pool.output = args.output;
  pool.output_stride = args.output_stride;
  pool.indices = args.indices;
  const int64_t row_size = args.channels * pyramid.bins;
  for (int32_t l = 0; l < pyramid.count; ++l) {
    const Level& level = pyramid.levels[l];
    // Two bins leave by one store where every such pair begins on its boundary, in the output and in the indices.
    const bool pairs = level.bins() % 2 == 0 && args.channels * level.first_bin % 2 == 0 && row_size % 2 == 0 &&
                       args.output_stride % 2 == 0 && reinterpret_cast<uintptr_t>(args.output) % (2 * sizeof(T)) == 0 &&
                       reinterpret_cast<uintptr_t>(args.indices) % 8 == 0;
    const int32_t width = (whole ? level.bins() : smaller(level.bins(), kRunBins)) / (pairs ? 2 : 1);
    pool.levels[l] = {Divider(level.columns), Divider(width), width, pairs};
  }
  plan.workspace_bytes = memory.used();
  return plan;
}

}  // namespace spp::cuda
