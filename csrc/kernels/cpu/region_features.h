// What is known of the segments of an image before they are grouped: sizes, bounding boxes, histograms, neighbors.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "graph_segmentation.h"

namespace spp::cpu {

constexpr int kColorBins = 25;     // a channel
constexpr int kGradientBins = 10;  // a channel and direction
constexpr int kDirections = 8;

// uint8 [height, width, channels] and [height, width, channels * kDirections]: the colors and, each scaled to 0 to 255,
// their positive and negative gradients.
struct ColorImage {
  const uint8_t* colors;
  const uint8_t* gradients;
  int32_t height, width, channels;
};

struct Box {
  int32_t x1, y1, x2, y2;  // half-open

  int32_t area() const { return (x2 - x1) * (y2 - y1); }
};

Box hull(const Box& a, const Box& b);

// Histograms sum to 1 over all of a region's channels.
struct RegionFeatures {
  int32_t image_size;
  std::vector<int32_t> sizes;  // pixels
  std::vector<Box> boxes;
  std::vector<float> colors, gradients;                // [regions, bins]
  std::vector<std::pair<int32_t, int32_t>> neighbors;  // each pair once, in order

  int32_t count() const { return static_cast<int32_t>(sizes.size()); }
  int32_t color_bins() const { return static_cast<int32_t>(colors.size() / sizes.size()); }
  int32_t gradient_bins() const { return static_cast<int32_t>(gradients.size() / sizes.size()); }
};

RegionFeatures features_of(const Segments& segments, const ColorImage& image);

}  // namespace spp::cpu
