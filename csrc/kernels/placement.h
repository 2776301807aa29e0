// One row of boxes -> which map of which image it is pooled from, and the window on it; the one place that says what a
// bad row is.
#pragma once

#include "half.h"
#include "roi_spp.h"

namespace spp {

struct Placement {
  int32_t map;  // kBadRow for a bad row
  int32_t image;
  Window window;

  SPP_HOST_DEVICE bool bad() const { return map == kBadRow; }
};

template <typename T>  // float or double, as in project_corner
SPP_HOST_DEVICE Placement place_box(const T row[5], int64_t r, const ForwardArgs& args) {
  const Placement bad = {kBadRow, 0, {0, 0, 0, 0}};
  for (int i = 0; i < 5; ++i) {
    if (!(row[i] - row[i] == T(0))) return bad;  // NaN or inf
  }
  const int32_t image = row[0] >= T(0) && row[0] < static_cast<T>(args.images) ? static_cast<int32_t>(row[0]) : kBadRow;
  if (image == kBadRow || image >= args.images || static_cast<T>(image) != row[0]) return bad;
  int32_t map = 0;
  if (args.boxes.map_index != nullptr) {
    const int64_t wanted = args.boxes.map_index[r];
    if (wanted < 0 || wanted >= args.map_count) return bad;
    map = static_cast<int32_t>(wanted);
  } else if (args.map_count > 1) {
    map = nearest_map(row + 1, args.maps, args.map_count, args.boxes.target_area);
  }
  const FeatureMap& features = args.maps[map];
  return {map, image, project_window(row + 1, features.projection, features.height, features.width)};
}

template <typename Stored, typename T>
SPP_HOST_DEVICE Placement place_stored(const ForwardArgs& args, int64_t r) {
  const Boxes& boxes = args.boxes;
  const Stored* data = static_cast<const Stored*>(boxes.data) + r * boxes.row_stride;
  T row[5];
  for (int i = 0; i < 5; ++i) row[i] = to_float(data[i * boxes.column_stride]);
  return place_box(row, r, args);
}

SPP_HOST_DEVICE inline Placement place_row(const ForwardArgs& args, int64_t r) {
  switch (args.boxes.type) {
    case DataType::kFloat64: return place_stored<double, double>(args, r);
    case DataType::kFloat16: return place_stored<Float16, float>(args, r);
    case DataType::kBFloat16: return place_stored<BFloat16, float>(args, r);
    default: return place_stored<float, float>(args, r);
  }
}

}  // namespace spp
