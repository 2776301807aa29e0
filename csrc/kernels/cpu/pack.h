// kLanes channels of one map, from any layout, to positions of Lanes side by side: what the pooling loops read.
//
// Included once per level, inside that level's namespace.

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
#pragma GCC unroll 16
  for (int lane = 0; lane < kLanes; lane += Vector<T>::kSize) {
    L::encode(keys_of<T>(load(values + lane)), static_cast<uint32_t>(cell), to, lane);
  }
}

// kLanes positions, from kLanes channels `stride` apart whose positions are side by side: squares are turned in
// registers.
template <typename L, typename T>
inline void pack_square(const T* channels, int64_t stride, int64_t cell, typename L::Unit* to) {
  constexpr int kSize = Vector<T>::kSize;
  for (int lane = 0; lane < kLanes; lane += kSize) {
    for (int position = 0; position < kLanes; position += kSize) {
      typename Vector<T>::type square[kSize];
#pragma GCC unroll 16
      for (int i = 0; i < kSize; ++i) square[i] = load(channels + (lane + i) * stride + position);
      transpose<T, kSize>(square);
#pragma GCC unroll 16
      for (int i = 0; i < kSize; ++i) {
        L::encode(keys_of<T>(square[i]), static_cast<uint32_t>(cell + position + i), to + (position + i) * L::kUnits,
                  lane);
      }
    }
  }
}

// Asks for the values of the next kLanes channels, which are packed next: the processor does not guess them.
template <typename Stored>
inline void fetch_next_channels(const Stored* from, int64_t channel_stride) {
  __builtin_prefetch(from + kLanes * channel_stride, 0, 2);
}

// A run of `count` positions, `step` apart, whose channels are side by side; the first one is cell number `cell`.
template <typename L, typename Stored, typename T>
void pack_positions(const Stored* from, int64_t step, int64_t count, int channels, int64_t cell, typename L::Unit* to) {
  if constexpr (std::is_same_v<Stored, T>) {
    if (channels == kLanes) {
      for (int64_t i = 0; i < count; ++i) {
        fetch_next_channels(from + i * step, 1);
        pack_position<L, T>(from + i * step, cell + i, to + i * L::kUnits);
      }
      return;
    }
  }
  alignas(64) T values[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) {
    fetch_next_channels(from + i * step, 1);
    widen(from + i * step, 1, channels, values);
    pack_position<L, T>(values, cell + i, to + i * L::kUnits);
  }
}

// The same for channels that are `channel_stride` apart. A run shorter than kLanes writes kLanes positions all the
// same.
template <typename L, typename Stored, typename T>
void pack_channels(const Stored* from, int64_t channel_stride, int64_t step, int64_t count, int channels, int64_t cell,
                   typename L::Unit* to) {
  const int64_t chunk = smaller<int64_t>(kLanes, count);
  const bool as_it_is = std::is_same_v<Stored, T> && step == 1 && chunk == kLanes && channels == kLanes;
  alignas(64) T block[kLanes * kLanes];
  if (!as_it_is) std::fill_n(block, kLanes * kLanes, T(0));
  for (int64_t done = 0; done < count; done += kLanes) {
    const int64_t first = smaller(done, count - chunk);  // the last chunk overlaps the one before it
    const Stored* corner = from + first * step;
    for (int c = 0; c < channels; ++c) fetch_next_channels(corner + c * channel_stride, channel_stride);
    if (as_it_is) {
      pack_square<L>(reinterpret_cast<const T*>(corner), channel_stride, cell + first, to + first * L::kUnits);
      continue;
    }
    for (int c = 0; c < channels; ++c) widen(corner + c * channel_stride, step, chunk, block + c * kLanes);
    pack_square<L>(block, kLanes, cell + first, to + first * L::kUnits);
  }
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
