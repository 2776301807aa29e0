// From pooled bins to the output: bins x channels become channels x bins, keys become values, and whole runs are written.
//
// Included once per level, inside that level's namespace.

// A run this long is not read again soon: past the cache it goes straight to memory.
constexpr int64_t kStreamedOutputBytes = int64_t{16} << 20;

template <typename E>
inline typename Vector<E>::type decode_keys(typename Vector<E>::type keys) {
  constexpr E kMagnitude = std::numeric_limits<E>::max();
  return keys ^ ((keys >> (8 * static_cast<int>(sizeof(E)) - 1)) & kMagnitude);
}

// Writes `count` elements; `streamed` ones around the cache where the processor can.
template <typename E>
inline void write_run(const E* from, int64_t count, E* to, bool streamed) {
  int64_t i = 0;
#if defined(SPP_STREAM)
  if (streamed) {
    constexpr int kSize = Vector<E>::kSize;
    const int64_t misaligned = (reinterpret_cast<uintptr_t>(to) & (SPP_VECTOR_BYTES - 1)) / sizeof(E);
    const int64_t head = smaller<int64_t>(count, misaligned == 0 ? 0 : kSize - misaligned);
    for (; i < head; ++i) to[i] = from[i];
    for (; i + kSize <= count; i += kSize) SPP_STREAM(to + i, load(from + i));
  }
#else
  (void)streamed;
#endif
  std::memcpy(to + i, from + i, static_cast<size_t>(count - i) * sizeof(E));
}

// Scratch memory for one window's bins of kLanes channels on their way out.
template <typename T, typename Stored, typename Index>
class Emitter {
 public:
  using Bits = typename Order<T>::Key;

  explicit Emitter(const ForwardArgs& args) : args_(args) {
    const size_t most = static_cast<size_t>(args.pyramid.bins) * kLanes;
    keys_.resize(most + kLanes * kLanes);
    turned_.resize(most + kLanes);
    stored_.resize(most);
    if (args.indices != nullptr) {
      cells_.resize(most + kLanes * kLanes);
      turned_cells_.resize(most + kLanes);
      indices_.resize(most);
    }
    const int64_t bytes = args.boxes.count * args.channels * args.pyramid.bins * static_cast<int64_t>(sizeof(Stored));
    streamed_ = bytes >= kStreamedOutputBytes;
  }

  // `bins`: Lanes of every bin, levels in the pyramid's order of bins.
  template <typename L>
  void emit(const typename L::Unit* bins, int64_t row, int64_t first_channel, int channels, bool has_empty) {
    const Pyramid& pyramid = args_.pyramid;
    const Bits* keys;
    if constexpr (std::is_same_v<L, Lanes<T, false>>) {
      keys = bins;
    } else {
      for (int64_t b = 0; b < pyramid.bins; ++b) {
        L::split(bins + b * L::kUnits, keys_.data() + b * kLanes, cells_.data() + b * kLanes);
      }
      keys = keys_.data();
    }
    for (int32_t l = 0; l < pyramid.count; ++l) {
      const Level& level = pyramid.levels[l];
      const int64_t position = args_.channels * level.first_bin + first_channel * level.bins();
      const int64_t count = static_cast<int64_t>(channels) * level.bins();
      write_values(keys + static_cast<int64_t>(level.first_bin) * kLanes, level.bins(), count,
                   static_cast<Stored*>(args_.output) + row * args_.output_stride + position, has_empty);
      if constexpr (!std::is_same_v<L, Lanes<T, false>>) {
        write_indices(cells_.data() + static_cast<int64_t>(level.first_bin) * kLanes, level.bins(), count,
                      static_cast<Index*>(args_.indices) + row * args_.channels * pyramid.bins + position);
      }
    }
  }

 private:
  void write_values(const Bits* keys, int64_t bins, int64_t count, Stored* to, bool has_empty) {
    if (has_empty) {
      lanes_to_rows(keys, bins, turned_.data(), [](typename Vector<Bits>::type v) {
        return v == Order<T>::kEmpty ? typename Vector<Bits>::type{} : decode_keys<Bits>(v);
      });
    } else {
      lanes_to_rows(keys, bins, turned_.data(), decode_keys<Bits>);
    }
    if constexpr (sizeof(Stored) == sizeof(T)) {
      write_run(turned_.data(), count, reinterpret_cast<Bits*>(to), streamed_);
    } else {
      for (int64_t i = 0; i < count; ++i) {
        stored_[static_cast<size_t>(i)] =
            static_cast<int16_t>(from_float<Stored>(bits_as<T>(turned_[static_cast<size_t>(i)])).bits);
      }
      write_run(stored_.data(), count, reinterpret_cast<int16_t*>(to), streamed_);
    }
  }

  // kEmpty's cell part is all ones in 32 bits, and so kNoCell in either type.
  void write_indices(const int32_t* cells, int64_t bins, int64_t count, Index* to) {
    lanes_to_rows(cells, bins, turned_cells_.data(), [](typename Vector<int32_t>::type v) { return v; });
    for (int64_t i = 0; i < count; ++i) {
      indices_[static_cast<size_t>(i)] = static_cast<Index>(turned_cells_[static_cast<size_t>(i)]);
    }
    write_run(indices_.data(), count, to, streamed_);
  }

  const ForwardArgs& args_;
  std::vector<Bits> keys_;
  std::vector<Bits> turned_;
  std::vector<int16_t> stored_;
  std::vector<int32_t> cells_;
  std::vector<int32_t> turned_cells_;
  std::vector<Index> indices_;
  bool streamed_;
};
