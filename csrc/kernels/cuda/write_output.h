// The way out of the third step of forward: from a warp's buffer, [bin, channel], to the output, where the bins of one
// channel lie side by side. Threads stand for consecutive bins of one channel, so that a warp stores whole sectors.
#pragma once

#include "entry.h"
#include "pool_args.h"
#include "runs.h"

namespace spp::cuda {

template <typename T, typename Index>
class WindowEmit {
  using E = Entries<T, Index>;
  using Bin = Vector<E>;
  static constexpr bool kIndices = !std::is_same_v<Index, NoIndex>;
  static constexpr int kChunk = kChunkVectors * Bin::kChannels;

 public:
  __device__ WindowEmit(const PoolArgs& args, Team team, Shared<Bin> buffer, int64_t row, int64_t chunk)
      : args_(args),
        team_(team),
        buffer_(buffer),
        row_(row),
        first_channel_(chunk * kChunk),
        channels_(static_cast<int32_t>(smaller<int64_t>(args.channels - first_channel_, kChunk))) {}

  // Bins [first, first + count) of level l, from the buffer's `place` on, to the output.
  __device__ void level(int32_t l, int32_t first, int32_t count, int32_t place) const {
    const PoolLevel& plan = args_.levels[l];
    const int32_t level_bins = args_.pyramid.levels[l].bins();
    const int64_t start = args_.channels * args_.pyramid.levels[l].first_bin + first_channel_ * level_bins + first;
    T* output = static_cast<T*>(args_.output) + row_ * args_.output_stride + start;
    Index* indices = nullptr;
    if constexpr (kIndices) {
      indices = static_cast<Index*>(args_.indices) + row_ * args_.channels * args_.pyramid.bins + start;
    }
    const int32_t whole_vectors = channels_ / Bin::kChannels;
    const int32_t rest = channels_ % Bin::kChannels;  // in the last vector of all
    for (int32_t bin = team_.thread(); bin < count && rest > 0; bin += team_.threads()) {
      write_run<1>(output, indices, level_bins, place, whole_vectors, bin, rest);
    }
#pragma unroll 1
    for (int32_t item = team_.thread(); item < whole_vectors * plan.across_width; item += team_.threads()) {
      const int32_t vector = plan.across(item);
      const int32_t bin = (item - vector * plan.across_width) * (plan.pairs ? 2 : 1);
      if (bin >= count) continue;
      if (plan.pairs) {
        write_run<2>(output, indices, level_bins, place, vector, bin, Bin::kChannels);
      } else {
        write_run<1>(output, indices, level_bins, place, vector, bin, Bin::kChannels);
      }
    }
  }

  // A bad row: NaN and no cell.
  __device__ void bad_row() const {
    const T nan = nan_of<T>();
    for (int32_t l = 0; l < args_.pyramid.count; ++l) {
      const Level& level = args_.pyramid.levels[l];
      const int64_t start = args_.channels * level.first_bin + first_channel_ * level.bins();
#pragma unroll 1
      for (int64_t i = team_.thread(); i < int64_t{channels_} * level.bins(); i += team_.threads()) {
        static_cast<T*>(args_.output)[row_ * args_.output_stride + start + i] = nan;
        if constexpr (kIndices) {
          static_cast<Index*>(args_.indices)[row_ * args_.channels * args_.pyramid.bins + start + i] =
              static_cast<Index>(kNoCell);
        }
      }
    }
  }

 private:
  // The first `channels` of a vector, of kBins bins.
  template <int kBins>
  __device__ __forceinline__ void write_run(T* output, Index* indices, int32_t level_bins, int32_t place,
                                            int32_t vector, int32_t bin, int32_t channels) const {
    Bin bins[kBins];
    Run<T, Bin::kChannels> values[kBins];
#pragma unroll
    for (int b = 0; b < kBins; ++b) {
      bins[b] = buffer_[(place + bin + b) * kPitch + vector];
      values[b] = bins[b].template values<T>();
    }
    const int32_t offset = vector * Bin::kChannels * level_bins + bin;
    output += offset;
    indices += kIndices ? offset : 0;
#pragma unroll
    for (int c = 0; c < Bin::kChannels; ++c) {
      if (c >= channels) break;
      Run<T, kBins> run;
#pragma unroll
      for (int b = 0; b < kBins; ++b) run.items[b] = values[b].items[c];
      store_run(output, run);
      output += level_bins;
      if constexpr (kIndices) {
        Run<Index, kBins> cells;
#pragma unroll
        for (int b = 0; b < kBins; ++b) cells.items[b] = E::cell(bins[b].words[c]);
        store_run(indices, cells);
        indices += level_bins;
      }
    }
  }

  const PoolArgs& args_;
  const Team team_;
  const Shared<Bin> buffer_;
  const int64_t row_;
  const int64_t first_channel_;
  const int32_t channels_;  // of this chunk
};

}  // namespace spp::cuda
