// Range-maximum tables over a packed map (see TableSizes). A bin of any size is the maximum of four entries.
//
// Included once per level, inside that level's namespace.

// to[i] = max(from[i], from[i + offset]) for the entries of a height x width map whose partner is inside; `to` may be
// `from`, as partners are read before they are written.
template <typename L>
void double_entries(const typename L::Unit* from, typename L::Unit* to, int32_t height, int32_t width, int32_t pitch,
                    int64_t offset) {
  for (int32_t y = 0; y < height; ++y) {
    for (int32_t x = 0; x < width; ++x) {
      const int64_t i = static_cast<int64_t>(y) * pitch + x;
      L entry = L::load_from(from + i * L::kUnits);
      entry.merge(L::load_from(from + (i + offset) * L::kUnits));
      entry.store_to(to + i * L::kUnits);
    }
  }
}

// Tables stand one after the other, by height and then by width; the packed map comes in the first one's place.
template <typename L>
void build_tables(const TableSizes& sizes, int32_t height, int32_t width, typename L::Unit* tables) {
  const int64_t table = static_cast<int64_t>(height) * width * L::kUnits;
  const int slots_x = __builtin_popcount(sizes.widths);

  typename L::Unit* current = tables;
  for (int log = 0, kept = 0;; ++log) {
    if (sizes.widths >> log & 1) ++kept;
    if (kept == slots_x) break;
    typename L::Unit* next = kept == 0 ? tables : tables + kept * table;
    double_entries<L>(current, next, height, width - (2 << log) + 1, width, 1 << log);
    current = next;
  }
  for (int slot = 0; slot < slots_x; ++slot) {
    current = tables + slot * table;
    for (int log = 0, kept = 0;; ++log) {
      if (sizes.heights >> log & 1) ++kept;
      if (kept == __builtin_popcount(sizes.heights)) break;
      typename L::Unit* next = tables + (slot + static_cast<int64_t>(kept) * slots_x) * table;
      double_entries<L>(current, next, height - (2 << log) + 1, width, width, static_cast<int64_t>(width) << log);
      current = next;
    }
  }
}
