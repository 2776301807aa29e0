// The error for a row of rois that names no image or no map, or holds NaN or inf.
#include <cmath>
#include <sstream>

#include "../kernels/roi.h"
#include "operators.h"

namespace spp::ops {
namespace {

double number_at(const Boxes& boxes, int64_t row, int64_t column) {
  const int64_t at = row * boxes.row_stride + column * boxes.column_stride;
  switch (boxes.type) {
    case DataType::kFloat64: return static_cast<const double*>(boxes.data)[at];
    case DataType::kFloat16: return to_float(static_cast<const Float16*>(boxes.data)[at]);
    case DataType::kBFloat16: return to_float(static_cast<const BFloat16*>(boxes.data)[at]);
    default: return static_cast<const float*>(boxes.data)[at];
  }
}

}  // namespace

void refuse_bad_row(int64_t row, const ForwardArgs& args) {
  if (row < 0) return;
  const Boxes& boxes = args.boxes;
  std::ostringstream message;
  bool finite = true;
  message << "rois: row " << row << " is (";
  for (int64_t column = 0; column < 5; ++column) {
    const double number = number_at(boxes, row, column);
    finite = finite && std::isfinite(number);
    message << (column == 0 ? "" : ", ") << number;
  }
  message << "), expected ";
  if (!finite) {
    message << "finite numbers";
  } else if (boxes.map_index != nullptr && (boxes.map_index[row] < 0 || boxes.map_index[row] >= args.map_count)) {
    message.str("");
    message << "map_index: row " << row << " is " << boxes.map_index[row] << ", expected a map from 0 to "
            << args.map_count - 1;
  } else if (args.images == 0) {
    message << "no rows, as features hold no image";
  } else {
    message << "a whole image index from 0 to " << args.images - 1;
  }
  throw std::invalid_argument(message.str());
}

}  // namespace spp::ops
