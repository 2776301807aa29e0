// A block of channels of one map, from any layout, to positions of Lanes side by side: what the pooling loops read.
#pragma once

#include <cstdint>

#include "../roi_spp.h"
#include "lanes-inl.h"
#include "plan.h"

SPP_BEGIN_TARGET
namespace spp::cpu::SPP_TARGET {
namespace {

template <typename Stored>
inline Keys<typename Order<Stored>::Key> load_bits(const Stored* from) {
  return load(reinterpret_cast<const typename Order<Stored>::Key*>(from));
}

// Copies `count` values, `stride` apart.
template <typename Stored>
inline void copy_strided(const Stored* from, int64_t stride, int64_t count, Stored* to) {
  if (stride == 1) {
    for (int64_t i = 0; i < count; ++i) to[i] = from[i];
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
  }
}

// One position, from a block's values side by side.
template <typename L, typename Stored>
inline void pack_position(const Stored* values, int64_t cell, typename L::Unit* to) {
  SPP_UNROLL
  for (int lane = 0; lane < L::kLanes; lane += Vector<typename L::Key>::kSize) {
    L::encode(keys_of<Stored>(load_bits(values + lane)), static_cast<uint32_t>(cell), to, lane);
  }
}

// kLanes positions, from a block's channels `stride` apart whose positions are side by side: squares are transposed in
// registers.
template <typename L, typename Stored>
inline void pack_square(const Stored* channels, int64_t stride, int64_t cell, typename L::Unit* to) {
  using Key = typename L::Key;
  constexpr int kSize = Vector<Key>::kSize;
  for (int lane = 0; lane < L::kLanes; lane += kSize) {
    for (int position = 0; position < L::kLanes; position += kSize) {
      Keys<Key> square[kSize];
      SPP_UNROLL
      for (int i = 0; i < kSize; ++i) square[i] = load_bits(channels + (lane + i) * stride + position);
      transpose<Key, kSize>(square);
      SPP_UNROLL
      for (int i = 0; i < kSize; ++i) {
        L::encode(keys_of<Stored>(square[i]), static_cast<uint32_t>(cell + position + i),
                  to + (position + i) * L::kUnits, lane);
      }
    }
  }
}

// The next block's channels are packed next, and the processor does not guess them. More bytes than this would crowd
// what is packed now out of the cache.
constexpr int64_t kFetchedBytes = int64_t{128} << 10;

// Asks for those of a line of positions, for channels that are `channel_stride` apart.
template <int kLanes, typename Stored>
inline void fetch_next_channels(const Stored* from, int64_t channel_stride) {
  if (kLanes * channel_stride * static_cast<int64_t>(sizeof(Stored)) > kFetchedBytes) return;
  SPP_UNROLL
  for (int c = 0; c < kLanes; ++c) __builtin_prefetch(from + (kLanes + c) * channel_stride, 0, 2);
}

// A run of `count` positions, `step` apart, whose channels are side by side; the first one is cell number `cell`.
template <typename L, typename Stored>
void pack_positions(const Stored* from, int64_t step, int64_t count, int channels, int64_t cell, typename L::Unit* to) {
  alignas(64) Stored values[L::kLanes] = {};
  for (int64_t i = 0; i < count; ++i, from += step) {
    __builtin_prefetch(from + L::kLanes, 0, 2);  // the next block's
    const Stored* block = from;
    if (channels < L::kLanes) {
      copy_strided(from, 1, channels, values);
      block = values;
    }
    pack_position<L>(block, cell + i, to + i * L::kUnits);
  }
}

// The chunks of kLanes positions that cover a run of `count`, as the number of each one's first position. The last
// chunk of a run overlaps the one before it; that of a shorter run is all there is.
template <int kLanes, typename Visit>
inline void for_chunks(int64_t count, const Visit& visit) {
  for (int64_t done = 0; done < count; done += kLanes) visit(larger<int64_t>(0, smaller(done, count - kLanes)));
}

// A run of positions `step` apart, for channels `channel_stride` apart. A run shorter than kLanes writes kLanes
// positions all the same.
template <typename L, typename Stored>
void pack_channels(const Stored* from, int64_t channel_stride, int64_t step, int64_t count, int channels, int64_t cell,
                   typename L::Unit* to) {
  constexpr int kLanes = L::kLanes;
  if (step == 1 && count >= kLanes && channels == kLanes) {
    return for_chunks<kLanes>(count, [&](int64_t first) {
      fetch_next_channels<kLanes>(from + first, channel_stride);
      pack_square<L>(from + first, channel_stride, cell + first, to + first * L::kUnits);
    });
  }
  const int64_t chunk = smaller<int64_t>(kLanes, count);
  alignas(64) Stored block[kLanes * kLanes] = {};
  for_chunks<kLanes>(count, [&](int64_t first) {
    const Stored* corner = from + first * step;
    fetch_next_channels<kLanes>(corner, channel_stride);
    for (int c = 0; c < channels; ++c) copy_strided(corner + c * channel_stride, step, chunk, block + c * kLanes);
    pack_square<L>(block, kLanes, cell + first, to + first * L::kUnits);
  });
}

// The cells of `region`, row by row, for channels [first_channel, first_channel + channels) of one image; lanes beyond
// hold zeros. `to` has room for kLanes positions past the last one.
template <typename L, typename Stored>
void pack(const FeatureMap& map, int64_t image, const Region& region, int64_t first_channel, int channels,
          typename L::Unit* to) {
  const Stored* from =
      static_cast<const Stored*>(map.data) + image * map.image_stride + first_channel * map.channel_stride;
  const bool flat = region.width == map.width && map.row_stride == map.width * map.column_stride;
  const int64_t rows = flat ? 1 : region.height, columns = flat ? region.cells() : region.width;
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t y = region.y + i;
    const Stored* row = from + y * map.row_stride + region.x * map.column_stride;
    const int64_t cell = y * map.width + region.x;
    typename L::Unit* row_to = to + i * columns * L::kUnits;
    if (map.channel_stride == 1) {
      pack_positions<L>(row, map.column_stride, columns, channels, cell, row_to);
    } else {
      pack_channels<L>(row, map.channel_stride, map.column_stride, columns, channels, cell, row_to);
    }
  }
}

}  // namespace
}  // namespace spp::cpu::SPP_TARGET
SPP_END_TARGET
