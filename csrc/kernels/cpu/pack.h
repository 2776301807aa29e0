// kLanes channels of one map, from any layout, to positions of Lanes side by side: what the pooling loops read.
//
// Included once per level, inside that level's namespace.

// Converts `count` values, `stride` apart.
template <typename Stored, typename T>
inline void widen(const Stored* from, int64_t stride, int64_t count, T* to) {
  if (stride == 1 && count == kLanes) {  // the usual case: a few vector moves
    if constexpr (std::is_same_v<Stored, T>) {
      for (int i = 0; i < kLanes; i += Vector<T>::kSize) store(to + i, load(from + i));
    } else {
      for (int i = 0; i < kLanes; ++i) to[i] = to_float(from[i]);
    }
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = to_float(from[i * stride]);
  }
}

// One run of `count` positions, `step` apart, the first of them cell number `cell`.
template <typename L, typename Stored, typename T>
void pack_run(const Stored* from, int64_t channel_stride, int64_t step, int64_t count, int channels, int64_t cell,
              typename L::Unit* to) {
  using Bits = typename Order<T>::Key;
  alignas(64) T by_channel[kLanes * kLanes] = {};
  alignas(64) T by_position[kLanes * kLanes] = {};
  if (channel_stride == 1) {
    for (int64_t i = 0; i < count; ++i) {
      widen(from + i * step, 1, channels, by_position);
      L::encode(by_position, static_cast<uint32_t>(cell + i), to + i * L::kUnits);
    }
    return;
  }
  for (int64_t done = 0; done < count; done += kLanes) {
    // The last chunk overlaps the one before it.
    const int64_t chunk = smaller<int64_t>(kLanes, count);
    const int64_t first = smaller(done, count - chunk);
    for (int c = 0; c < channels; ++c) {
      widen(from + c * channel_stride + first * step, step, chunk, by_channel + c * kLanes);
    }
    transpose_tile(reinterpret_cast<const Bits*>(by_channel), reinterpret_cast<Bits*>(by_position));
    for (int64_t i = 0; i < chunk; ++i) {
      L::encode(by_position + i * kLanes, static_cast<uint32_t>(cell + first + i), to + (first + i) * L::kUnits);
    }
  }
}

// Channels [first_channel, first_channel + channels) of one image; lanes beyond hold zeros.
template <typename L, typename Stored, typename T>
void pack(const FeatureMap& map, int64_t image, int64_t first_channel, int channels, typename L::Unit* to) {
  const Stored* from =
      static_cast<const Stored*>(map.data) + image * map.image_stride + first_channel * map.channel_stride;
  const bool flat = map.row_stride == map.width * map.column_stride;
  const int64_t rows = flat ? 1 : map.height;
  const int64_t columns = flat ? static_cast<int64_t>(map.height) * map.width : map.width;
  for (int64_t y = 0; y < rows; ++y) {
    pack_run<L, Stored, T>(from + y * map.row_stride, map.channel_stride, map.column_stride, columns, channels,
                           y * columns, to + y * columns * L::kUnits);
  }
}
