// Backward (scatter). A worker owns the channels it writes, and windows come in their order: no two threads
// share a cell, and sums are the same in every run, whatever the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "../dispatch.h"
#include "parallel.h"
#include "simd-inl.h"

SPP_BEGIN_TARGET
namespace spp::cpu::SPP_TARGET {
namespace {

// Asks for `count` elements ahead of their use.
template <typename E>
inline void fetch_ahead(const E* from, int64_t count) {
  constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(E));
  for (int64_t i = 0; i < count; i += kLine) __builtin_prefetch(from + i);
}

// One level of one window for some channels: gradients, the cells they go to, and how far ahead a later window has its
// own.
template <typename Stored, typename Index>
struct Incoming {
  const Stored* grad;
  const Index* cells;
  int64_t grad_ahead;
  int64_t cells_ahead;
};

// Bins outside, channels inside: neighboring bins often have the same winner, and a sum that has just been stored is
// slow to load again. A part of a later window is asked for with each bin: a processor waits when asked for it at once.
template <bool kContiguous, typename Stored, typename Index, typename Sum>
SPP_NOINLINE void scatter_level(const Incoming<Stored, Index>& in, int64_t grad_stride, int64_t bins, int64_t channels,
                                Sum* planes, int64_t plane) {
  using Unsigned = std::make_unsigned_t<Index>;
  for (int64_t b = 0; b < bins; ++b) {
    if (kContiguous) fetch_ahead(in.grad + in.grad_ahead + b * channels, channels);
    fetch_ahead(in.cells + in.cells_ahead + b * channels, channels);
    Sum* to = planes;
    for (int64_t i = b; i < channels * bins; i += bins, to += plane) {
      const Unsigned cell = static_cast<Unsigned>(in.cells[i]);
      if (static_cast<int64_t>(cell) >= plane) continue;  // kNoCell, which is past any plane
      to[cell] += to_float(in.grad[kContiguous ? i : i * grad_stride]);
    }
  }
}

constexpr int64_t kScatteredChannels = 16;  // walked side by side

// Adds the gradient of `channels` channels from `first_channel` of every window to planes_of(source), which gives the
// plane of the first of these channels; planes of further channels follow it.
template <typename Stored, typename Index, typename Sum, bool kContiguous, typename PlanesOf>
void scatter_channels(const BackwardArgs& args, int64_t first_channel, int64_t channels, const PlanesOf& planes_of) {
  constexpr int64_t kWindowsAhead = 2;
  const Stored* grad = static_cast<const Stored*>(args.grad_output);
  const Index* indices = static_cast<const Index*>(args.indices);
  const int64_t width = args.channels * args.pyramid.bins;
  for (int64_t r = 0; r < args.count; ++r) {
    const int32_t source = args.sources[r];
    if (source == kBadRow) continue;
    const int32_t map = source / args.images;
    const int64_t plane = static_cast<int64_t>(args.heights[map]) * args.widths[map];
    const int64_t ahead = smaller(kWindowsAhead, args.count - 1 - r);
    Sum* planes = planes_of(source);
    for (int32_t l = 0; l < args.pyramid.count; ++l) {
      const Level& level = args.pyramid.levels[l];
      for (int64_t c = 0; c < channels; c += kScatteredChannels) {
        const int64_t position = args.channels * level.first_bin + (first_channel + c) * level.bins();
        const Incoming<Stored, Index> in = {grad + r * args.grad_row_stride + position * args.grad_column_stride,
                                            indices + r * width + position, ahead * args.grad_row_stride,
                                            ahead * width};
        scatter_level<kContiguous>(in, args.grad_column_stride, level.bins(), smaller(kScatteredChannels, channels - c),
                                   planes + c * plane, plane);
      }
    }
  }
}

// Channels of a task: long runs of gradients to read, but no more than have their sums in the cache.
inline int64_t channels_a_task(const BackwardArgs& args, int64_t sum_bytes, int threads) {
  constexpr int64_t kCachedBytes = int64_t{640} << 10;
  int64_t cells = 0;  // of the maps of one image, which come together
  for (int32_t m = 0; m < args.map_count; ++m) cells += static_cast<int64_t>(args.heights[m]) * args.widths[m];
  const int64_t share = (args.channels + threads - 1) / threads;
  const int64_t tasks = larger<int64_t>(1, (share * cells * sum_bytes + kCachedBytes - 1) / kCachedBytes);
  const int64_t each = larger<int64_t>(1, (share + tasks - 1) / tasks);
  // Of a cell whose channels lie side by side, whole lines.
  return args.channels_last[0] ? (each + kScatteredChannels - 1) / kScatteredChannels * kScatteredChannels : each;
}

// Sums of one task's channels in the output itself. An image's planes are cleared when its first window comes: they are
// in the cache then.
template <typename Sum>
class SumsInOutput {
 public:
  SumsInOutput(const BackwardArgs& args, int64_t first_channel, int64_t channels)
      : args_(args),
        first_channel_(first_channel),
        channels_(channels),
        cleared_(static_cast<size_t>(args.map_count) * static_cast<size_t>(args.images), 0) {}

  Sum* planes_of(int32_t source) {
    const int32_t map = source / args_.images;
    const int64_t cells = static_cast<int64_t>(args_.heights[map]) * args_.widths[map];
    Sum* planes =
        static_cast<Sum*>(args_.grad_maps[map]) + (source % args_.images * args_.channels + first_channel_) * cells;
    char& cleared = cleared_[static_cast<size_t>(source)];
    if (!cleared) std::fill_n(planes, channels_ * cells, Sum(0));
    cleared = 1;
    return planes;
  }

  // Clears what no window came to.
  void finish() {
    for (size_t source = 0; source < cleared_.size(); ++source) planes_of(static_cast<int32_t>(source));
  }

 private:
  const BackwardArgs& args_;
  int64_t first_channel_;
  int64_t channels_;
  std::vector<char> cleared_;
};

// One cell's sums of some channels, `cells` apart, to the cell's place in a channels-last map.
template <typename Stored, typename Sum>
inline void store_cell(const Sum* sums, int64_t cells, int64_t channels, Stored* to) {
  for (int64_t c = 0; c < channels; ++c) to[c] = from_float<Stored>(sums[c * cells]);
}

// Planes of sums, `cells` each, to a channels-last map whose cells are `step` apart: squares of channels x cells are
// transposed in registers.
template <typename Stored, typename Sum>
void store_channels_last(const Sum* planes, int64_t cells, int64_t channels, Stored* to, int64_t step) {
  constexpr int kSize = Vector<Sum>::kSize;
  const int64_t whole_channels = channels / kSize * kSize, whole_cells = cells / kSize * kSize;
  for (int64_t i = 0; i < whole_cells; i += kSize) {
    for (int64_t c = 0; c < whole_channels; c += kSize) {
      typename Vector<Sum>::type square[kSize];
      SPP_UNROLL
      for (int n = 0; n < kSize; ++n) square[n] = load(planes + (c + n) * cells + i);
      transpose<Sum, kSize>(square);
      SPP_UNROLL
      for (int n = 0; n < kSize; ++n) {
        Stored* cell = to + (i + n) * step + c;
        if constexpr (std::is_same_v<Stored, Sum>) {
          store(cell, square[n]);
        } else {
          for (int k = 0; k < kSize; ++k) cell[k] = from_float<Stored>(square[n][k]);
        }
      }
    }
    for (int64_t n = i; n < i + kSize && whole_channels < channels; ++n) {
      store_cell(planes + whole_channels * cells + n, cells, channels - whole_channels, to + n * step + whole_channels);
    }
  }
  for (int64_t i = whole_cells; i < cells; ++i) store_cell(planes + i, cells, channels, to + i * step);
}

// Sums of one task's channels aside, for types that are rounded once, at the end, and for channels-last maps.
template <typename Stored, typename Sum>
class SumsAside {
 public:
  SumsAside(const BackwardArgs& args, int64_t first_channel, int64_t channels, std::vector<Sum>& memory)
      : args_(args), first_channel_(first_channel), channels_(channels), sums_(memory) {
    for (int32_t m = 0; m < args.map_count; ++m) offset_[m + 1] = offset_[m] + args.images * channels * cells(m);
    sums_.assign(static_cast<size_t>(offset_[args.map_count]), Sum(0));
  }

  Sum* planes_of(int32_t source) {
    const int32_t map = source / args_.images;
    return sums_.data() + offset_[map] + source % args_.images * channels_ * cells(map);
  }

  void finish() {
    for (int32_t source = 0; source < args_.map_count * args_.images; ++source) {
      const int32_t map = source / args_.images;
      const Sum* from = planes_of(source);
      const int64_t image = source % args_.images * args_.channels * cells(map);
      Stored* to = static_cast<Stored*>(args_.grad_maps[map]) + image;
      if (args_.channels_last[map]) {
        store_channels_last(from, cells(map), channels_, to + first_channel_, args_.channels);
      } else {
        to += first_channel_ * cells(map);
        for (int64_t i = 0; i < channels_ * cells(map); ++i) to[i] = from_float<Stored>(from[i]);
      }
    }
  }

 private:
  int64_t cells(int32_t map) const { return static_cast<int64_t>(args_.heights[map]) * args_.widths[map]; }

  const BackwardArgs& args_;
  int64_t first_channel_;
  int64_t channels_;
  std::vector<Sum>& sums_;
  int64_t offset_[kMaxMaps + 1] = {};  // of each map's planes
};

template <typename Stored, typename Index, bool kContiguous>
void backward_as(const BackwardArgs& args, const Parallel& parallel) {
  using Sum = typename Wide<Stored>::type;
  const int64_t each = channels_a_task(args, sizeof(Sum), parallel.threads);
  const int64_t blocks = (args.channels + each - 1) / each;
  const bool in_planes =
      std::none_of(args.channels_last, args.channels_last + args.map_count, [](bool l) { return l; });

  run_tasks(parallel, blocks, [&] {
    return [&, memory = std::vector<Sum>{}](int64_t block) mutable {
      const int64_t first = block * each, channels = smaller(each, args.channels - first);
      const auto scatter = [&](auto sums) {
        scatter_channels<Stored, Index, Sum, kContiguous>(args, first, channels,
                                                          [&](int32_t source) { return sums.planes_of(source); });
        sums.finish();
      };
      if (std::is_same_v<Sum, Stored> && in_planes) {
        scatter(SumsInOutput<Sum>(args, first, channels));
      } else {
        scatter(SumsAside<Stored, Sum>(args, first, channels, memory));
      }
    };
  });
}

template <typename Stored, typename Index>
void backward_indexed(const BackwardArgs& args, const Parallel& parallel) {
  args.grad_column_stride == 1 ? backward_as<Stored, Index, true>(args, parallel)
                               : backward_as<Stored, Index, false>(args, parallel);
}

void backward(const BackwardArgs& args, const Parallel& parallel) {
  with_type(args.type, [&](auto type) {
    with_index_type(args.index_type, [&](auto index_type) {
      backward_indexed<typename decltype(type)::type, typename decltype(index_type)::type>(args, parallel);
    });
  });
}

}  // namespace
}  // namespace spp::cpu::SPP_TARGET
SPP_END_TARGET
