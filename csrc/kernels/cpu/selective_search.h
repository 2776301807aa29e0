// Selective search (Uijlings et al., 2013): windows from the regions of many segmentations, grouped in many ways.
#pragma once

#include <cstdint>
#include <vector>

#include "graph_segmentation.h"
#include "hierarchical_grouping.h"
#include "parallel.h"

namespace spp::cpu {

struct SelectiveSearch {
  // One entry a color space.
  std::vector<SmoothImage> smooth;
  std::vector<ColorImage> images;
  std::vector<float> scales;      // of segmentation
  std::vector<int32_t> measures;  // of similarity: a strategy each
  int32_t least_size;             // pixels of a segment
};

// Distinct boxes, the most promising first (section 3.3): a region's rank is its place in its grouping, counted from
// the whole image down, times a number from 0 to 1 that looks random and is the same on every run.
std::vector<Box> search(const SelectiveSearch& what, const Parallel& parallel);

}  // namespace spp::cpu
