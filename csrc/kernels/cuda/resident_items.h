// What the lanes of a warp do for a batch of rows, item by item: worked out once a block, so that no lane divides.
//
// A batch is staged in output order, [row, level, channel, bin], so that a vector's channels of one level are one run
// of the output. Items come row by row: a batch of fewer rows takes the first ones.
#pragma once

#include "resident_args.h"

namespace spp::cuda {

// Two numbers in a word: the lower one of kLowBits.
template <int kLowBits>
struct Pair {
  static constexpr uint32_t kLow = (1u << kLowBits) - 1;

  __device__ static uint32_t of(int32_t low, int32_t high) { return static_cast<uint32_t>(low | high << kLowBits); }
  __device__ static int32_t low(uint32_t both) { return static_cast<int32_t>(both & kLow); }
  __device__ static int32_t high(uint32_t both) { return static_cast<int32_t>(both >> kLowBits); }
};

using PlaceAnd = Pair<8>;    // a row of the batch, and something of it
using StagedAnd = Pair<16>;  // an entry of the batch, and something of it; a batch that fits holds far fewer

// The lists, in shared memory:
//   pool    a bin that is read from the map: row and record; where its first channel is staged, and the step from
//           channel to channel
//   merge   a bin of a channel: where the first of its finer bins is staged, and where it is itself
//   store   a run: row and 16 bytes of the batch; column of the output
template <int kChannels>
class ResidentItems {
 public:
  __device__ ResidentItems(const ResidentArgs& args, SharedArena& arena) : args_(args) {
    pool_ = arena.take<uint2>(args.batch * args.per_row);
    merge_ = arena.take<uint32_t>(args.batch * args.merged * kChannels);
    store_ = arena.take<uint2>(args.batch * args.pyramid.bins);
  }

  // By all threads of the block. `first_channel` is that of the slice.
  __device__ void build(int64_t first_channel) const {
    for (int32_t l = 0; l < args_.pyramid.count; ++l) {
      const Level& level = args_.pyramid.levels[l];
      const int32_t bins = level.bins();
      for (int32_t i = threadIdx.x; i < args_.batch * bins; i += kResidentThreads) {
        const int32_t place = args_.levels[l].bins(i);
        const int32_t bin = i - place * bins;
        if (level.source < 0) {
          const int32_t staged = (place * args_.pyramid.bins + level.first_bin) * kChannels + bin;
          const int32_t record = args_.first[l] + bin;
          pool_[place * args_.per_row + record] = {PlaceAnd::of(place, record), StagedAnd::of(staged, bins)};
        }
        const int64_t column = args_.channels * level.first_bin + first_channel * bins + bin * kChannels;
        const int32_t run = place * args_.pyramid.bins + level.first_bin + bin;
        store_[run] = {PlaceAnd::of(place, run), static_cast<uint32_t>(column)};
      }
      if (level.source >= 0) build_merges(l);
    }
  }

  // Where the list of a level's merges begins.
  __device__ int32_t first_merge(int32_t l) const { return args_.batch * args_.first[l] * kChannels; }

  __device__ uint2 pool(int32_t i) const { return pool_[i]; }
  __device__ uint32_t merge(int32_t i) const { return merge_[i]; }
  __device__ uint2 store(int32_t i) const { return store_[i]; }

 private:
  __device__ void build_merges(int32_t l) const {
    const Level& level = args_.pyramid.levels[l];
    const ResidentLevel& dividers = args_.levels[l];
    const int32_t first = first_merge(l);
    const Level& finer = args_.pyramid.levels[level.source];
    const int32_t bins = level.bins();
    for (int32_t i = threadIdx.x; i < args_.batch * bins * kChannels; i += kResidentThreads) {
      const int32_t place = dividers.bins(i / kChannels);
      const int32_t item = i - place * bins * kChannels;
      const int32_t channel = dividers.bins(item);
      const int32_t bin = item - channel * bins;
      const int32_t row = dividers.columns(bin);
      const int32_t row_start = place * args_.pyramid.bins * kChannels;
      const int32_t corner = row_start + finer.first_bin * kChannels + channel * finer.bins() +
                             row * level.merged_rows * finer.columns +
                             (bin - row * level.columns) * level.merged_columns;
      merge_[first + i] = StagedAnd::of(corner, row_start + level.first_bin * kChannels + item);
    }
  }

  const ResidentArgs& args_;
  Shared<uint2> pool_;
  Shared<uint32_t> merge_;
  Shared<uint2> store_;
};

}  // namespace spp::cuda
