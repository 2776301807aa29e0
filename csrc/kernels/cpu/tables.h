// Builds range-maximum tables over a packed map (see table_sizes.h).
//
// Included once per level, inside that level's namespace.

// Row `to` of `count` entries: each the maximum of the entries of row `from` at these offsets.
template <typename L, int kOffsets>
inline void merge_row(const typename L::Unit* from, const int64_t (&offsets)[kOffsets], int32_t count,
                      typename L::Unit* to) {
  for (int32_t x = 0; x < count; ++x, from += L::kUnits, to += L::kUnits) {
    L entry = L::load_from(from);
    for (const int64_t offset : offsets) entry.merge(L::load_from(from + offset * L::kUnits));
    entry.store_to(to);
  }
}

// From the packed map, which comes in the first place. Row by row from below, so that what a row is made of was
// written just before.
template <typename L>
void build_tables(const TableSizes& tables, int32_t height, int32_t width, typename L::Unit* map) {
  const int64_t cells = static_cast<int64_t>(height) * width;
  const auto row_of = [&](int64_t slot, int32_t y) {
    return map + (slot * cells + static_cast<int64_t>(y) * width) * L::kUnits;
  };
  for (int32_t y = height - 1; y >= 0; --y) {
    int64_t slot = tables.first_slot();
    for (int32_t b = tables.heights.first; b <= tables.heights.last && y + (1 << b) <= height; ++b) {
      for (int32_t a = tables.widths.first; a <= tables.widths.last; ++a, ++slot) {
        const int32_t count = width - (1 << a) + 1;
        typename L::Unit* to = row_of(slot, y);
        const int64_t across = a > 0 ? int64_t{1} << (a - 1) : 0;
        const int64_t down = b > 0 ? static_cast<int64_t>(width) << (b - 1) : 0;
        if (a > tables.widths.first) {
          merge_row<L>(row_of(slot - 1, y), {across}, count, to);
        } else if (b > tables.heights.first) {
          merge_row<L>(row_of(slot - tables.widths.count(), y), {down}, count, to);
        } else if (across > 0 && down > 0) {
          merge_row<L>(row_of(0, y), {across, down, across + down}, count, to);
        } else if (across + down > 0) {
          merge_row<L>(row_of(0, y), {across + down}, count, to);
        }
      }
    }
  }
}
