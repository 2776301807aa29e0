// Hierarchical grouping (Uijlings et al., 2013, section 3.1): the two most similar neighbors become one region, until
// the whole image is one; every region on the way is a window.
#pragma once

#include <cstdint>
#include <vector>

#include "region_features.h"

namespace spp::cpu {

// What makes two regions similar (section 3.2); a strategy is the mean of some of these.
enum Measure : int32_t { kColor = 1, kFill = 2, kTexture = 4, kSize = 8, kAllMeasures = 15 };

// The boxes of all regions in the order of their making: first the segments, last the whole image.
std::vector<Box> group(RegionFeatures regions, int32_t measures);

}  // namespace spp::cpu
