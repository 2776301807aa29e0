#include "region_features.h"

#include <algorithm>
#include <array>

namespace spp::cpu {
namespace {

// Which of `bins` equal parts of 0 to 255 each value falls into.
std::array<uint8_t, 256> bin_of_value(int bins) {
  std::array<uint8_t, 256> bin{};
  for (int value = 0; value < 256; ++value) bin[static_cast<size_t>(value)] = static_cast<uint8_t>(value * bins / 256);
  return bin;
}

// Histograms of each region side by side, `planes` values a pixel.
std::vector<float> histograms(const std::vector<int32_t>& labels, const std::vector<int32_t>& sizes,
                              const uint8_t* values, int32_t planes, int bins) {
  const std::array<uint8_t, 256> bin = bin_of_value(bins);
  const size_t width = static_cast<size_t>(planes) * static_cast<size_t>(bins);
  std::vector<int32_t> counts(sizes.size() * width);
  for (const int32_t label : labels) {
    int32_t* of_plane = counts.data() + static_cast<size_t>(label) * width;
    for (int32_t plane = 0; plane < planes; ++plane, of_plane += bins) ++of_plane[bin[*values++]];
  }
  std::vector<float> shares(counts.size());
  for (size_t region = 0; region < sizes.size(); ++region) {
    const float total = static_cast<float>(sizes[region] * planes);
    for (size_t i = region * width; i < (region + 1) * width; ++i) shares[i] = static_cast<float>(counts[i]) / total;
  }
  return shares;
}

// Regions that touch: side by side, one above the other, or down to the right. Pairs of the first row and the first
// column are left out, as OpenCV does, so that both find the same windows.
std::vector<std::pair<int32_t, int32_t>> neighbors(const Segments& segments, int32_t height, int32_t width) {
  const size_t count = static_cast<size_t>(segments.count);
  std::vector<uint8_t> touch(count * count);
  for (int32_t y = 1; y < height; ++y) {
    const int32_t* above = segments.labels.data() + static_cast<int64_t>(y - 1) * width;
    const int32_t* here = above + width;
    for (int32_t x = 1; x < width; ++x) {
      for (const int32_t other : {here[x - 1], above[x], above[x - 1]}) {
        const auto [low, high] = std::minmax(here[x], other);
        touch[static_cast<size_t>(low) * count + static_cast<size_t>(high)] = 1;
      }
    }
  }
  std::vector<std::pair<int32_t, int32_t>> pairs;
  for (int32_t i = 0; i < segments.count; ++i) {
    for (int32_t j = i + 1; j < segments.count; ++j) {
      if (touch[static_cast<size_t>(i) * count + static_cast<size_t>(j)]) pairs.emplace_back(i, j);
    }
  }
  return pairs;
}

}  // namespace

Box hull(const Box& a, const Box& b) {
  return {std::min(a.x1, b.x1), std::min(a.y1, b.y1), std::max(a.x2, b.x2), std::max(a.y2, b.y2)};
}

RegionFeatures features_of(const Segments& segments, const ColorImage& image) {
  RegionFeatures regions;
  regions.image_size = image.height * image.width;
  regions.sizes.resize(static_cast<size_t>(segments.count));
  regions.boxes.assign(regions.sizes.size(), {image.width, image.height, 0, 0});
  const int32_t* label = segments.labels.data();
  for (int32_t y = 0; y < image.height; ++y) {
    for (int32_t x = 0; x < image.width; ++x, ++label) {
      const size_t region = static_cast<size_t>(*label);
      ++regions.sizes[region];
      regions.boxes[region] = hull(regions.boxes[region], {x, y, x + 1, y + 1});
    }
  }
  regions.colors = histograms(segments.labels, regions.sizes, image.colors, image.channels, kColorBins);
  regions.gradients =
      histograms(segments.labels, regions.sizes, image.gradients, image.channels * kDirections, kGradientBins);
  regions.neighbors = neighbors(segments, image.height, image.width);
  return regions;
}

}  // namespace spp::cpu
