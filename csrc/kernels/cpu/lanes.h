// What is kept for one position of kLanes channels: an order-preserving key a channel and, where indices are wanted,
// the cell it came from. merge() is the rule of pool_max.h, lane by lane.
//
// Included once per level, inside that level's namespace.

template <typename T, bool kIndexed>
struct Lanes;

// Keys alone.
template <typename T>
struct Lanes<T, false> {
  using Unit = typename Order<T>::Key;
  static constexpr int kUnits = kLanes;  // a position
  KeyLanes<Unit> keys;

  static Lanes empty() { return {KeyLanes<Unit>::all(Order<T>::kEmpty)}; }
  static Lanes load_from(const Unit* from) { return {KeyLanes<Unit>::load_from(from)}; }
  void store_to(Unit* to) const { keys.store_to(to); }
  void merge(const Lanes& other) { keys.merge(other.keys); }

  static void encode(const T* values, uint32_t, Unit* to) {
    for (int i = 0; i < kLanes; ++i) to[i] = key_of(values[i]);
  }
};

// float32: key and cell in one 64-bit integer, so that a merge is still one comparison.
template <>
struct Lanes<float, true> {
  using Unit = KeyAndCell;
  static constexpr int kUnits = kLanes;
  KeyLanes<Unit> both;

  static Lanes empty() { return {KeyLanes<Unit>::all(kEmptyKeyAndCell)}; }
  static Lanes load_from(const Unit* from) { return {KeyLanes<Unit>::load_from(from)}; }
  void store_to(Unit* to) const { both.store_to(to); }
  void merge(const Lanes& other) { both.merge(other.both); }

  static void encode(const float* values, uint32_t cell, Unit* to) {
    for (int i = 0; i < kLanes; ++i) to[i] = with_cell(key_of(values[i]), cell);
  }

  static void split(const Unit* from, int32_t* keys, int32_t* cells) {
    for (int i = 0; i < kLanes; ++i) {
      keys[i] = key_part(from[i]);
      cells[i] = static_cast<int32_t>(cell_part(from[i]));
    }
  }
};

// float64: keys and then cells, side by side.
template <>
struct Lanes<double, true> {
  using Unit = int64_t;
  static constexpr int kUnits = 2 * kLanes;
  KeyLanes<Unit> keys;
  KeyLanes<Unit> cells;

  static Lanes empty() { return {KeyLanes<Unit>::all(Order<double>::kEmpty), KeyLanes<Unit>::all(UINT32_MAX)}; }

  static Lanes load_from(const Unit* from) {
    return {KeyLanes<Unit>::load_from(from), KeyLanes<Unit>::load_from(from + kLanes)};
  }

  void store_to(Unit* to) const {
    keys.store_to(to);
    cells.store_to(to + kLanes);
  }

  void merge(const Lanes& other) {
    for (int i = 0; i < KeyLanes<Unit>::kVectors; ++i) {
      const auto wins =
          (other.keys.v[i] > keys.v[i]) | ((other.keys.v[i] == keys.v[i]) & (other.cells.v[i] < cells.v[i]));
      keys.v[i] = wins ? other.keys.v[i] : keys.v[i];
      cells.v[i] = wins ? other.cells.v[i] : cells.v[i];
    }
  }

  static void encode(const double* values, uint32_t cell, Unit* to) {
    for (int i = 0; i < kLanes; ++i) {
      to[i] = key_of(values[i]);
      to[kLanes + i] = cell;
    }
  }

  static void split(const Unit* from, int64_t* keys, int32_t* cells) {
    for (int i = 0; i < kLanes; ++i) {
      keys[i] = from[i];
      cells[i] = static_cast<int32_t>(from[kLanes + i]);
    }
  }
};
