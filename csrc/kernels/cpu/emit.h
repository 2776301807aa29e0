// From pooled bins to the output: bins x channels become channels x bins, keys become values, and whole runs are
// written.
//
// Included once per level, inside that level's namespace.

// A run this long is not read again soon: past the cache it goes straight to memory.
constexpr int64_t kStreamedOutputBytes = int64_t{16} << 20;

template <typename E>
inline typename Vector<E>::type decode_keys(typename Vector<E>::type keys) {
  constexpr E kMagnitude = std::numeric_limits<E>::max();
  return keys ^ ((keys >> (8 * static_cast<int>(sizeof(E)) - 1)) & kMagnitude);
}

constexpr int64_t kLineBytes = 64;

// Lines on their way to memory. A processor holds only a few writes around its caches at a time and waits when there
// are more; so they are handed over one by one, each time a bin has been pooled, while it works on the next window.
class LineQueue {
 public:
  // Writes `count` elements of `from` to `to` now or, as long as `from` stays as it is, on later calls of step().
  template <typename E>
  void write(const E* from, int64_t count, E* to, bool streamed) {
    const char* bytes = reinterpret_cast<const char*>(from);
    char* bytes_to = reinterpret_cast<char*>(to);
    const int64_t size = count * static_cast<int64_t>(sizeof(E));
    int64_t head = size, queued = 0;
#if defined(SPP_STREAM)
    if (streamed) {
      head = smaller<int64_t>(size, -reinterpret_cast<uintptr_t>(to) % kLineBytes);
      queued = (size - head) / kLineBytes * kLineBytes;
      if (queued > 0) runs_[run_count_++] = {bytes + head, bytes_to + head, queued / kLineBytes};
    }
#else
    (void)streamed;
#endif
    const int64_t tail = head + queued;
    if (head > 0) std::memcpy(bytes_to, bytes, static_cast<size_t>(head));
    if (tail < size) std::memcpy(bytes_to + tail, bytes + tail, static_cast<size_t>(size - tail));
  }

  // Hands one line over.
  void step() {
#if defined(SPP_STREAM)
    if (run_ == run_count_) return;
    Run& run = runs_[run_];
    for (int64_t i = 0; i < kLineBytes; i += SPP_VECTOR_BYTES) SPP_STREAM(run.to + i, load(run.from + i));
    run.from += kLineBytes;
    run.to += kLineBytes;
    if (--run.lines == 0) ++run_;
#endif
  }

  void finish() {
    while (run_ != run_count_) step();
    run_ = run_count_ = 0;
  }

 private:
  struct Run {
    const char* from;
    char* to;
    int64_t lines;
  };
  Run runs_[2 * kMaxLevels];  // values and indices
  int run_ = 0;
  int run_count_ = 0;
};

// Scratch memory for one window's bins of kLanes channels on their way out.
template <typename T, typename Stored, typename Index>
class Emitter {
 public:
  using Bits = typename Order<T>::Key;

  explicit Emitter(const ForwardArgs& args) : args_(args) {
    const size_t most = static_cast<size_t>(args.pyramid.bins) * kLanes;
    const size_t spill = static_cast<size_t>(args.pyramid.count) * kLanes;
    turned_.resize(most + spill);
    stored_.resize(most);
    if (args.indices != nullptr) {
      turned_cells_.resize(most + spill);
      indices_.resize(most);
    }
    const int64_t bytes = args.boxes.count * args.channels * args.pyramid.bins * static_cast<int64_t>(sizeof(Stored));
    streamed_ = bytes >= kStreamedOutputBytes;
  }

  ~Emitter() { lines_.finish(); }
  Emitter(Emitter&&) = default;

  // Lines of the window emitted last, to be written out while the next one is pooled.
  LineQueue& lines() { return lines_; }

  // `bins`: Lanes of every bin, levels in the pyramid's order of bins.
  template <typename L>
  void emit(const typename L::Unit* bins, int64_t row, int64_t first_channel, int channels, bool has_empty) {
    lines_.finish();
    const Pyramid& pyramid = args_.pyramid;
    for (int32_t l = 0; l < pyramid.count; ++l) {
      const Level& level = pyramid.levels[l];
      const int64_t position = args_.channels * level.first_bin + first_channel * level.bins();
      const int64_t count = static_cast<int64_t>(channels) * level.bins();
      const typename L::Unit* level_bins = bins + static_cast<int64_t>(level.first_bin) * L::kUnits;
      write_values<L>(level_bins, level, l, count,
                      static_cast<Stored*>(args_.output) + row * args_.output_stride + position, has_empty);
      if constexpr (!std::is_same_v<L, Lanes<T, false>>) {
        write_indices<L>(level_bins, level, l, count,
                         static_cast<Index*>(args_.indices) + row * args_.channels * pyramid.bins + position);
      }
    }
  }

 private:
  // Where the turned bins of a level start in the scratch memory: each level has room for what spills past its end.
  static size_t scratch_offset(const Level& level, int32_t number) {
    return static_cast<size_t>(level.first_bin + number) * kLanes;
  }

  // Whether lanes_to_rows() writes nothing but these `count` elements.
  static bool fits(const Level& level, int64_t count) {
    return count == static_cast<int64_t>(level.bins()) * kLanes && level.bins() >= Vector<Bits>::kSize;
  }

  template <typename L>
  void write_values(const typename L::Unit* bins, const Level& level, int32_t number, int64_t count, Stored* to,
                    bool has_empty) {
    Bits* turned = turned_.data() + scratch_offset(level, number);
    const bool in_place = fits(level, count) && sizeof(Stored) == sizeof(T) && !streamed_;
    if (in_place) turned = reinterpret_cast<Bits*>(to);
    const auto keys_at = [&](int64_t bin, int lane) { return L::keys_at(bins + bin * L::kUnits, lane); };
    if (has_empty) {
      lanes_to_rows(level.bins(), turned, [&](int64_t bin, int lane) {
        const Keys<T> keys = keys_at(bin, lane);
        return keys == Order<T>::kEmpty ? Keys<T>{} : decode_keys<Bits>(keys);
      });
    } else {
      lanes_to_rows(level.bins(), turned, [&](int64_t bin, int lane) { return decode_keys<Bits>(keys_at(bin, lane)); });
    }
    if (in_place) return;
    if constexpr (sizeof(Stored) == sizeof(T)) {
      lines_.write(turned, count, reinterpret_cast<Bits*>(to), streamed_);
    } else {
      int16_t* stored = stored_.data() + static_cast<size_t>(level.first_bin) * kLanes;
      for (int64_t i = 0; i < count; ++i) {
        stored[i] = static_cast<int16_t>(from_float<Stored>(bits_as<T>(turned[i])).bits);
      }
      lines_.write(stored, count, reinterpret_cast<int16_t*>(to), streamed_);
    }
  }

  // kEmpty's cell part is all ones in 32 bits, and so kNoCell in either type.
  template <typename L>
  void write_indices(const typename L::Unit* bins, const Level& level, int32_t number, int64_t count, Index* to) {
    int32_t* turned = turned_cells_.data() + scratch_offset(level, number);
    Index* indices = indices_.data() + static_cast<size_t>(level.first_bin) * kLanes;
    lanes_to_rows(level.bins(), turned,
                  [&](int64_t bin, int lane) { return L::cells_at(bins + bin * L::kUnits, lane); });
    for (int64_t i = 0; i < count; ++i) indices[i] = static_cast<Index>(turned[i]);
    lines_.write(indices, count, to, streamed_);
  }

  const ForwardArgs& args_;
  std::vector<Bits> turned_;
  std::vector<int16_t> stored_;
  std::vector<int32_t> turned_cells_;
  std::vector<Index> indices_;
  bool streamed_;
  LineQueue lines_;
};
