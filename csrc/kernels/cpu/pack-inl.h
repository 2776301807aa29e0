// kLanes channels of one map, from any layout, to positions of Lanes side by side: what the pooling loops read.
#pragma once

#include <cstdint>
#include <type_traits>

#include "../half.h"
#include "../roi_spp.h"
#include "lanes-inl.h"

SPP_BEGIN_TARGET
namespace spp::cpu::SPP_TARGET {
namespace {

// Converts `count` values, `stride` apart.
template <typename Stored, typename T>
inline void widen(const Stored* from, int64_t stride, int64_t count, T* to) {
  if (stride == 1 && count == kLanes) {
    for (int i = 0; i < kLanes; ++i) to[i] = to_float(from[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = to_float(from[i * stride]);
  }
}

// One position, from kLanes values side by side.
template <typename L, typename T>
inline void pack_position(const T* values, int64_t cell, typename L::Unit* to) {
  SPP_UNROLL
  for (int lane = 0; lane < kLanes; lane += Vector<T>::kSize) {
    L::encode(keys_of<T>(load(values + lane)), static_cast<uint32_t>(cell), to, lane);
  }
}

// kLanes positions, from kLanes channels `stride` apart whose positions are side by side: squares are transposed in
// registers.
template <typename L, typename T>
inline void pack_square(const T* channels, int64_t stride, int64_t cell, typename L::Unit* to) {
  constexpr int kSize = Vector<T>::kSize;
  for (int lane = 0; lane < kLanes; lane += kSize) {
    for (int position = 0; position < kLanes; position += kSize) {
      typename Vector<T>::type square[kSize];
      SPP_UNROLL
      for (int i = 0; i < kSize; ++i) square[i] = load(channels + (lane + i) * stride + position);
      transpose<T, kSize>(square);
      SPP_UNROLL
      for (int i = 0; i < kSize; ++i) {
        L::encode(keys_of<T>(square[i]), static_cast<uint32_t>(cell + position + i), to + (position + i) * L::kUnits,
                  lane);
      }
    }
  }
}

// The next kLanes channels are packed next, and the processor does not guess them. More bytes than this would crowd
// what is packed now out of the cache.
constexpr int64_t kFetchedBytes = int64_t{128} << 10;

// Asks for those of one position.
template <typename Stored>
inline void fetch_next_channels(const Stored* from) {
  __builtin_prefetch(from + kLanes, 0, 2);
}

// Asks for those of a line of positions, for channels that are `channel_stride` apart.
template <typename Stored>
inline void fetch_next_channels(const Stored* from, int64_t channel_stride) {
  if (kLanes * channel_stride * static_cast<int64_t>(sizeof(Stored)) > kFetchedBytes) return;
  SPP_UNROLL
  for (int c = 0; c < kLanes; ++c) __builtin_prefetch(from + (kLanes + c) * channel_stride, 0, 2);
}

// A run of `count` positions, `step` apart, whose channels are side by side; the first one is cell number `cell`.
template <typename L, typename Stored, typename T>
void pack_positions(const Stored* from, int64_t step, int64_t count, int channels, int64_t cell, typename L::Unit* to) {
  if constexpr (std::is_same_v<Stored, T>) {
    if (channels == kLanes) {
      for (int64_t i = 0; i < count; ++i) {
        fetch_next_channels(from + i * step);
        pack_position<L, T>(from + i * step, cell + i, to + i * L::kUnits);
      }
      return;
    }
  }
  alignas(64) T values[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) {
    fetch_next_channels(from + i * step);
    widen(from + i * step, 1, channels, values);
    pack_position<L, T>(values, cell + i, to + i * L::kUnits);
  }
}

// The chunks of kLanes positions that cover a run of `count`, as the number of each one's first position. The last
// chunk of a run overlaps the one before it; that of a shorter run is all there is.
template <typename Visit>
inline void for_chunks(int64_t count, const Visit& visit) {
  for (int64_t done = 0; done < count; done += kLanes) visit(larger<int64_t>(0, smaller(done, count - kLanes)));
}

// kLanes channels that are `channel_stride` apart, whose positions are side by side.
template <typename L, typename T>
void pack_squares(const T* from, int64_t channel_stride, int64_t count, int64_t cell, typename L::Unit* to) {
  for_chunks(count, [&](int64_t first) {
    fetch_next_channels(from + first, channel_stride);
    pack_square<L>(from + first, channel_stride, cell + first, to + first * L::kUnits);
  });
}

// The same for any number and type of channels, with positions `step` apart. A run shorter than kLanes writes kLanes
// positions all the same.
template <typename L, typename Stored, typename T>
void pack_channels(const Stored* from, int64_t channel_stride, int64_t step, int64_t count, int channels, int64_t cell,
                   typename L::Unit* to) {
  if constexpr (std::is_same_v<Stored, T>) {
    if (step == 1 && count >= kLanes && channels == kLanes) {
      return pack_squares<L>(from, channel_stride, count, cell, to);
    }
  }
  const int64_t chunk = smaller<int64_t>(kLanes, count);
  alignas(64) T block[kLanes * kLanes] = {};
  for_chunks(count, [&](int64_t first) {
    const Stored* corner = from + first * step;
    fetch_next_channels(corner, channel_stride);
    for (int c = 0; c < channels; ++c) widen(corner + c * channel_stride, step, chunk, block + c * kLanes);
    pack_square<L>(block, kLanes, cell + first, to + first * L::kUnits);
  });
}

// Channels [first_channel, first_channel + channels) of one image; lanes beyond hold zeros. `to` has room for kLanes
// positions past the last one.
template <typename L, typename Stored, typename T>
void pack(const FeatureMap& map, int64_t image, int64_t first_channel, int channels, typename L::Unit* to) {
  const Stored* from =
      static_cast<const Stored*>(map.data) + image * map.image_stride + first_channel * map.channel_stride;
  const bool flat = map.row_stride == map.width * map.column_stride;
  const int64_t rows = flat ? 1 : map.height;
  const int64_t columns = flat ? static_cast<int64_t>(map.height) * map.width : map.width;
  for (int64_t y = 0; y < rows; ++y) {
    const Stored* row = from + y * map.row_stride;
    const int64_t cell = y * columns;
    typename L::Unit* row_to = to + cell * L::kUnits;
    if (map.channel_stride == 1) {
      pack_positions<L, Stored, T>(row, map.column_stride, columns, channels, cell, row_to);
    } else {
      pack_channels<L, Stored, T>(row, map.channel_stride, map.column_stride, columns, channels, cell, row_to);
    }
  }
}

}  // namespace
}  // namespace spp::cpu::SPP_TARGET
SPP_END_TARGET
