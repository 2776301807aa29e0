// From pooled bins to the output: bins x channels become channels x bins, keys become values, and whole runs are
// written.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "../half.h"
#include "../roi_spp.h"
#include "lanes-inl.h"

SPP_BEGIN_TARGET
namespace spp::cpu::SPP_TARGET {
namespace {

// A run this long is not read again soon: past the cache it goes straight to memory.
constexpr int64_t kStreamedOutputBytes = int64_t{16} << 20;

// Writes `count` elements of `from` to `to`, where asked around the caches: whole lines then, the ends as usual.
template <typename E>
inline void write_run(const E* from, int64_t count, E* to, bool streamed) {
  const char* bytes = reinterpret_cast<const char*>(from);
  char* bytes_to = reinterpret_cast<char*>(to);
  const int64_t size = count * static_cast<int64_t>(sizeof(E));
  int64_t done = 0;
#if defined(SPP_STREAM)
  if (streamed) {
    done = smaller<int64_t>(size, -reinterpret_cast<uintptr_t>(to) % kLineBytes);
    std::memcpy(bytes_to, bytes, static_cast<size_t>(done));
    for (; done + kLineBytes <= size; done += kLineBytes) {
      for (int64_t i = done; i < done + kLineBytes; i += SPP_VECTOR_BYTES) SPP_STREAM(bytes_to + i, load(bytes + i));
    }
  }
#else
  (void)streamed;
#endif
  std::memcpy(bytes_to + done, bytes + done, static_cast<size_t>(size - done));
}

// Scratch memory for one window's bins of a block of channels on their way out.
template <typename Stored, typename Index>
class OutputWriter {
 public:
  using L = Lanes<Stored, Index>;
  using Key = typename L::Key;
  using Unit = typename L::Unit;

  explicit OutputWriter(const ForwardArgs& args) : args_(args) {
    const size_t most = static_cast<size_t>(args.pyramid.bins) * L::kLanes;
    transposed_.resize(most);
    if (args.indices != nullptr) {
      transposed_cells_.resize(most);
      indices_.resize(most);
    }
    const int64_t bytes = args.boxes.count * args.channels * args.pyramid.bins * static_cast<int64_t>(sizeof(Stored));
    streamed_ = bytes >= kStreamedOutputBytes;
  }

  // `bins`: Lanes of every bin, levels in the pyramid's order of bins.
  void write(const Unit* bins, int64_t row, int64_t first_channel, int channels, bool has_empty) {
    const Pyramid& pyramid = args_.pyramid;
    for (int32_t l = 0; l < pyramid.count; ++l) {
      const Level& level = pyramid.levels[l];
      const int64_t position = first_element(level, first_channel);
      const int64_t count = static_cast<int64_t>(channels) * level.bins();
      const Unit* level_bins = bins + static_cast<int64_t>(level.first_bin) * L::kUnits;
      write_values(level_bins, level, count, row_of(row) + position, has_empty);
      if constexpr (!std::is_same_v<Index, NoIndex>) {
        write_indices(level_bins, level, count,
                      static_cast<Index*>(args_.indices) + row * args_.channels * pyramid.bins + position);
      }
    }
  }

 private:
  Stored* row_of(int64_t row) const { return static_cast<Stored*>(args_.output) + row * args_.output_stride; }

  // Where a level's run of these channels starts in a row.
  int64_t first_element(const Level& level, int64_t first_channel) const {
    return args_.channels * level.first_bin + first_channel * level.bins();
  }

  // Where a level starts in the scratch memory.
  static size_t scratch_offset(const Level& level) { return static_cast<size_t>(level.first_bin) * L::kLanes; }

  void write_values(const Unit* bins, const Level& level, int64_t count, Stored* to, bool has_empty) {
    const bool in_place = !streamed_ && count == static_cast<int64_t>(level.bins()) * L::kLanes;
    Key* transposed = in_place ? reinterpret_cast<Key*>(to) : transposed_.data() + scratch_offset(level);
    const auto keys_at = [&](int64_t bin, int lane) { return L::keys_at(bins + bin * L::kUnits, lane); };
    if (has_empty) {
      lanes_to_rows<Key, L::kLanes>(level.bins(), transposed, [&](int64_t bin, int lane) {
        const Keys<Key> keys = keys_at(bin, lane);
        return keys == kEmptyKey<Key> ? Keys<Key>{} : decode_keys<Key>(keys);
      });
    } else {
      lanes_to_rows<Key, L::kLanes>(level.bins(), transposed,
                                    [&](int64_t bin, int lane) { return decode_keys<Key>(keys_at(bin, lane)); });
    }
    if (!in_place) write_run(transposed, count, reinterpret_cast<Key*>(to), streamed_);
  }

  // kEmpty's cell part is all ones, and so kNoCell in either type.
  void write_indices(const Unit* bins, const Level& level, int64_t count, Index* to) {
    using Cell = typename L::Cell;
    Cell* transposed = reinterpret_cast<Cell*>(transposed_cells_.data() + scratch_offset(level));
    lanes_to_rows<Cell, L::kLanes>(level.bins(), transposed,
                                   [&](int64_t bin, int lane) { return L::cells_at(bins + bin * L::kUnits, lane); });
    Index* indices = indices_.data() + scratch_offset(level);
    for (int64_t i = 0; i < count; ++i) indices[i] = static_cast<Index>(transposed[i]);
    write_run(indices, count, to, streamed_);
  }

  const ForwardArgs& args_;
  PageAlignedVector<Key> transposed_;
  PageAlignedVector<int32_t> transposed_cells_;
  AlignedVector<Index> indices_;
  bool streamed_;
};

}  // namespace
}  // namespace spp::cpu::SPP_TARGET
SPP_END_TARGET
