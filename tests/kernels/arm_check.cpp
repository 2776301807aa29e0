// The kernels of the baseline, against a plain search, in a program without Python: for processors that are not this
// machine's, under an emulator. Prints how many values it compared; exit code 1 at the first that differs.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <vector>

#include "kernels/cpu/roi_spp_cpu.h"
#include "kernels/roi.h"

namespace {

using namespace spp;

constexpr int32_t kHeight = 23, kWidth = 37;
constexpr int64_t kChannels = 37, kCells = int64_t{kHeight} * kWidth, kRows = 40;
constexpr int64_t kLevels[] = {6, 6, 4, 3, 2, 2, 1, 1};

int64_t compared = 0;

void fail(const char* what, int64_t row, int64_t column) {
  std::printf("%s differs at row %lld, column %lld\n", what, static_cast<long long>(row),
              static_cast<long long>(column));
  std::exit(1);
}

template <typename T>
std::vector<T> random_map() {
  std::mt19937 generator(5);
  std::normal_distribution<float> normal;
  std::vector<T> values(static_cast<size_t>(kChannels * kCells));
  for (T& value : values) {
    const float number = std::round(normal(generator) * 4) / 4;  // ties, and exact in every type
    value = from_float<T>(number == 3 ? std::numeric_limits<float>::quiet_NaN() : number == -3 ? -0.0f : number);
  }
  return values;
}

template <typename T, typename Index>
void check(bool channels_last, const std::vector<float>& boxes, const char* reading) {
  cpu::set_reading(reading);
  const std::vector<T> map = random_map<T>();
  const int64_t cell_stride = channels_last ? kChannels : 1, channel_stride = channels_last ? 1 : kCells;
  ForwardArgs args{};
  const CornerRule low{0, RoundOp::kNearest, 0}, high{0, RoundOp::kNearest, 1};
  const AxisRule axis{1.0 / 16, 1, low, high};
  args.maps[0] = {map.data(), kChannels * kCells,         channel_stride, kWidth * cell_stride, cell_stride, kHeight,
                  kWidth,     {axis, axis, Fit::kOneCell}};
  args.map_count = args.images = 1;
  args.channels = kChannels;
  args.type = std::is_same_v<T, float>     ? DataType::kFloat32
              : std::is_same_v<T, double>  ? DataType::kFloat64
              : std::is_same_v<T, Float16> ? DataType::kFloat16
                                           : DataType::kBFloat16;
  args.boxes = {boxes.data(), DataType::kFloat32, 5, 1, nullptr, 0.0, kRows};
  args.pyramid = make_pyramid(kLevels, 4);
  args.output_stride = kChannels * args.pyramid.bins;
  args.index_type = sizeof(Index) == 2 ? IndexType::kUInt16 : IndexType::kInt32;
  std::vector<T> output(static_cast<size_t>(kRows * args.output_stride)), again = output;
  std::vector<Index> indices(output.size());
  std::vector<int32_t> sources(kRows);
  args.output = again.data();
  cpu::forward(args, {1, nullptr});
  args.output = output.data();
  args.indices = indices.data();
  args.sources = sources.data();
  cpu::forward(args, {1, nullptr});

  std::vector<T> gathered(output.size());
  GatherArgs gather{};
  gather.maps[0] = args.maps[0];
  gather.map_count = gather.images = 1;
  gather.channels = kChannels;
  gather.type = args.type;
  gather.indices = indices.data();
  gather.index_type = args.index_type;
  gather.sources = sources.data();
  gather.count = kRows;
  gather.pyramid = args.pyramid;
  gather.output = gathered.data();
  cpu::gather(gather, {1, nullptr});

  for (int64_t r = 0; r < kRows; ++r) {
    const Window window = project_row(args, r).window;
    for (int32_t l = 0; l < args.pyramid.count; ++l) {
      const Level& level = args.pyramid.levels[l];
      for (int64_t c = 0; c < kChannels; ++c) {
        for (int32_t bin = 0; bin < level.bins(); ++bin) {
          const Range rows = bin_range(window.y, window.height, level.rows, bin / level.columns, kHeight);
          const Range columns = bin_range(window.x, window.width, level.columns, bin % level.columns, kWidth);
          int64_t best = kNoCell;
          double most = 0;
          for (int32_t y = rows.begin; y < rows.end; ++y) {
            for (int32_t x = columns.begin; x < columns.end; ++x) {
              const double value = static_cast<double>(
                  to_float(map[static_cast<size_t>(c * channel_stride + (y * kWidth + x) * cell_stride)]));
              if (best >= 0 && !(value > most) && !(value != value && most == most)) continue;
              if (best >= 0 && most != most) continue;
              best = y * kWidth + x;
              most = value;
            }
          }
          const int64_t column = kChannels * level.first_bin + c * level.bins() + bin;
          const size_t at = static_cast<size_t>(r * args.output_stride + column);
          const auto same = [&](T value) {
            const double found = static_cast<double>(to_float(value));
            return found == most || (found != found && most != most);
          };
          if (!same(output[at])) fail("output", r, column);
          if (!same(again[at])) fail("output without indices", r, column);
          if (indices[at] != static_cast<Index>(best)) fail("index", r, column);
          if (!same(gathered[at])) fail("gathered value", r, column);
          compared += 4;
        }
      }
    }
  }
}

template <typename T>
void check_type(const std::vector<float>& boxes) {
  for (const char* reading : {"auto", "cells", "tables", "windows"}) {
    for (const bool channels_last : {false, true}) {
      check<T, uint16_t>(channels_last, boxes, reading);
      check<T, int32_t>(channels_last, boxes, reading);
    }
  }
}

}  // namespace

int main() {
  std::mt19937 generator(7);
  std::uniform_real_distribution<float> corner(-150, 700);
  std::vector<float> boxes;
  for (int64_t r = 0; r < kRows; ++r) {
    const float x1 = corner(generator), x2 = corner(generator), y1 = corner(generator), y2 = corner(generator);
    boxes.insert(boxes.end(), {0, std::fmin(x1, x2), std::fmin(y1, y2), std::fmax(x1, x2), std::fmax(y1, y2)});
  }
  check_type<float>(boxes);
  check_type<double>(boxes);
  check_type<Float16>(boxes);
  check_type<BFloat16>(boxes);
  std::printf("%lld values equal, target %s\n", static_cast<long long>(compared), cpu::target_name());
}
