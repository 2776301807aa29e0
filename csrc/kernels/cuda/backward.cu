// Backward: find where the rows of each image are, then scatter.
#include "scatter.h"

namespace spp::cuda {
namespace {

constexpr int kMaxChannelBits = 3;          // of the 8 channels of a block, at most
constexpr int64_t kBlocksPerProcessor = 2;  // enough for every multiprocessor to have work while a block waits

int64_t source_count(const BackwardArgs& args) { return int64_t{args.map_count} * args.images; }

template <typename T, typename Index, typename Sums>
void scatter(const BackwardArgs& args, const uint64_t* spans, Stream stream) {
  if (args.pyramid.bins > kMaxBins) {
    throw std::runtime_error("spp_ops: scatter_gradients: " + std::to_string(args.pyramid.bins) + " bins are too many");
  }
  ScatterArgs scatter{};
  int64_t longest = 0;
  for (int32_t m = 0; m < args.map_count; ++m) {
    scatter.maps[m].gradient = args.grad_maps[m];
    scatter.maps[m].channels_last = args.channels_last[m];
    scatter.maps[m].cells = int64_t{args.heights[m]} * args.widths[m];
    longest = larger(longest, scatter.maps[m].cells);
  }
  // All cells of a map in one band if a block may have the shared memory: each further band reads all gradients again.
  const size_t most = static_cast<size_t>(device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin));
  int64_t bands = 1;
  while (bands < longest && scatter_shared_bytes<Sums>(1, ceil_div(longest, bands)) > most) ++bands;
  const int64_t band_cells = larger<int64_t>(ceil_div(longest, bands), 1);
  const auto count_blocks = [&](int64_t channels) {
    scatter.blocks = 0;
    for (int32_t m = 0; m < args.map_count; ++m) {
      ScatterMap& map = scatter.maps[m];
      map.bands = static_cast<int32_t>(ceil_div(map.cells, band_cells));
      map.blocks = int64_t{map.bands} * args.images * ceil_div(args.channels, channels);
      scatter.blocks += map.blocks;
    }
    return scatter.blocks;
  };
  // Several channels a block read longer runs of the gradients, as long as there are blocks enough.
  const int64_t wanted = kBlocksPerProcessor * device_attribute(cudaDevAttrMultiProcessorCount);
  int32_t bits = kMaxChannelBits;
  while (bits > 0 &&
         (count_blocks(1 << bits) < wanted || scatter_shared_bytes<Sums>(1 << bits, band_cells) > kPlainSharedBytes)) {
    --bits;
  }
  const int32_t channels = 1 << bits;
  count_blocks(channels);

  scatter.pyramid = args.pyramid;
  scatter.grad_output = args.grad_output;
  scatter.grad_row_stride = args.grad_row_stride;
  scatter.grad_column_stride = args.grad_column_stride;
  scatter.indices = args.indices;
  scatter.sources = args.sources;
  scatter.rows = args.count;
  scatter.spans = spans;
  scatter.images = args.images;
  scatter.channels = args.channels;
  scatter.block_channels = channels;
  scatter.channel_bits = bits;
  scatter.band_cells = static_cast<int32_t>(band_cells);
  launch("scatter_gradients", scatter_gradients<T, Index, Sums>,
         {scatter.blocks, 1, kScatterThreads, scatter_shared_bytes<Sums>(channels, band_cells), kScatterBlocks}, stream,
         scatter);
}

}  // namespace

size_t backward_workspace_bytes(const BackwardArgs& args) { return span_bytes(source_count(args)); }

void backward(const BackwardArgs& args, void* workspace, Stream stream) {
  uint64_t* spans = source_count(args) > 1 ? static_cast<uint64_t*>(workspace) : nullptr;
  find_spans({args.sources, source_count(args), args.count, spans}, stream);
  with_type(args.type, [&](auto type) {
    using T = typename decltype(type)::type;
    using W = typename Wide<T>::type;
    with_index_type(args.index_type, [&](auto index_type) {
      using Index = typename decltype(index_type)::type;
      if (args.deterministic) {
        scatter<T, Index, ExactSums<W>>(args, spans, stream);
      } else {
        scatter<T, Index, PlainSums<W>>(args, spans, stream);
      }
    });
  });
}

}  // namespace spp::cuda
