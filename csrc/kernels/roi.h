// One row of boxes -> which map of which image it is pooled from, and the window on it. What a bad row is stands here
// and nowhere else.
#pragma once

#include "dispatch.h"

namespace spp {

struct Roi {
  int32_t map;  // kBadRow for a bad row
  int32_t image;
  Window window;

  SPP_HOST_DEVICE bool bad() const { return map == kBadRow; }
};

template <typename T>  // float or double, as in project_corner
SPP_HOST_DEVICE Roi project_box(const T row[5], int64_t r, const ForwardArgs& args) {
  const Roi bad = {kBadRow, 0, {0, 0, 0, 0}};
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

template <typename Stored>
SPP_HOST_DEVICE Roi project_stored(const ForwardArgs& args, int64_t r) {
  const Boxes& boxes = args.boxes;
  const Stored* data = static_cast<const Stored*>(boxes.data) + r * boxes.row_stride;
  typename Wide<Stored>::type row[5];
  for (int i = 0; i < 5; ++i) row[i] = to_float(data[i * boxes.column_stride]);
  return project_box(row, r, args);
}

SPP_HOST_DEVICE inline Roi project_row(const ForwardArgs& args, int64_t r) {
  return with_type(args.boxes.type, [&](auto type) { return project_stored<typename decltype(type)::type>(args, r); });
}

// Map and image in one number, as in ForwardArgs::sources.
SPP_HOST_DEVICE inline int32_t source_of(const Roi& roi, const ForwardArgs& args) {
  return roi.bad() ? kBadRow : roi.map * args.images + roi.image;
}

}  // namespace spp
