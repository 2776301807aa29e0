// Gather, the transpose of backward: every bin reads the cell that its index names.
#include "../dispatch.h"
#include "divider.h"
#include "launch.h"

namespace spp::cuda {
namespace {

constexpr int kGatherThreads = 256;
// A thread keeps to one column of the output and goes from row to row: it works out only once which level and channel
// the column is.
constexpr int kRowsPerThread = 8;

struct GatherPlan {
  GatherArgs call;
  Divider images;            // source -> map
  Divider widths[kMaxMaps];  // cell -> row
};

template <typename T, typename Index>
__global__ void __launch_bounds__(kGatherThreads) gather_bins(const __grid_constant__ GatherPlan plan) {
  const GatherArgs& args = plan.call;
  const int64_t row_size = args.channels * args.pyramid.bins;
  for (int64_t column = int64_t{blockIdx.x} * kGatherThreads + threadIdx.x; column < row_size;
       column += int64_t{gridDim.x} * kGatherThreads) {
    int32_t l = 0;
    while (l + 1 < args.pyramid.count && args.channels * args.pyramid.levels[l + 1].first_bin <= column) ++l;
    const Level& level = args.pyramid.levels[l];
    const int64_t channel = (column - args.channels * level.first_bin) / level.bins();
#pragma unroll 2
    for (int64_t r = blockIdx.y; r < args.count; r += gridDim.y) {
      const Index index = static_cast<const Index*>(args.indices)[r * row_size + column];
      const int32_t source = args.sources[r];
      T value = from_float<T>(0.0f);
      if (source >= 0 && source < args.map_count * args.images && index != static_cast<Index>(kNoCell)) {
        const int32_t m = plan.images(source);
        const FeatureMap& map = args.maps[m];
        const int64_t cell = index;
        if (cell >= 0 && cell < int64_t{map.height} * map.width) {
          const int32_t y = plan.widths[m](static_cast<int32_t>(cell));
          const int32_t x = static_cast<int32_t>(cell) - y * map.width;
          value = static_cast<const T*>(
              map.data)[(source - m * args.images) * map.image_stride + channel * map.channel_stride +
                        y * map.row_stride + x * map.column_stride];
        }
      }
      static_cast<T*>(args.output)[r * row_size + column] = value;
    }
  }
}

}  // namespace

void gather(const GatherArgs& args, Stream stream) {
  GatherPlan plan{args, Divider(static_cast<uint32_t>(larger(args.images, 1))), {}};
  for (int32_t m = 0; m < args.map_count; ++m) {
    plan.widths[m] = Divider(static_cast<uint32_t>(larger(args.maps[m].width, 1)));
  }
  const int64_t columns = args.channels * args.pyramid.bins;
  const int64_t grid_y = smaller(ceil_div(args.count, kRowsPerThread), max_grid_y());
  with_type(args.type, [&](auto type) {
    using T = typename decltype(type)::type;
    with_index_type(args.index_type, [&](auto index_type) {
      using Index = typename decltype(index_type)::type;
      launch("gather_bins", gather_bins<T, Index>, {ceil_div(columns, kGatherThreads), grid_y, kGatherThreads, 0},
             stream, plan);
    });
  });
}

}  // namespace spp::cuda
