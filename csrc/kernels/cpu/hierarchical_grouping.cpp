#include "hierarchical_grouping.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace spp::cpu {
namespace {

// Sums and products are rounded one by one, as everybody's are who follows the formulas in float32: equal windows need
// equal similarities.
class Similarity {
 public:
  Similarity(RegionFeatures& regions, int32_t measures) : regions_(regions), measures_(measures) {
    const int count = std::popcount(static_cast<uint32_t>(measures));
    weight_ = count == 3 ? 0.3333f : 1.0f / static_cast<float>(count);
    for (int i = 0; i < count; ++i) total_ += weight_;
  }

  float operator()(int32_t a, int32_t b) const {
    float sum = 0;
    if (measures_ & kColor) sum += weight_ * intersection(regions_.colors, regions_.color_bins(), a, b);
    if (measures_ & kFill) sum += weight_ * fill(a, b);
    if (measures_ & kTexture) sum += weight_ * intersection(regions_.gradients, regions_.gradient_bins(), a, b);
    if (measures_ & kSize) sum += weight_ * rest(size(a) + size(b));
    return sum / total_;
  }

  // Both rows then describe the union.
  void merge(int32_t a, int32_t b) {
    if (measures_ & kColor) merge_histograms(regions_.colors, regions_.color_bins(), a, b);
    if (measures_ & kTexture) merge_histograms(regions_.gradients, regions_.gradient_bins(), a, b);
    box(a) = box(b) = hull(box(a), box(b));
    size(a) = size(b) = size(a) + size(b);
  }

 private:
  int32_t& size(int32_t region) const { return regions_.sizes[static_cast<size_t>(region)]; }
  Box& box(int32_t region) const { return regions_.boxes[static_cast<size_t>(region)]; }

  static float intersection(const std::vector<float>& histograms, int32_t bins, int32_t a, int32_t b) {
    const float* one = histograms.data() + static_cast<int64_t>(a) * bins;
    const float* other = histograms.data() + static_cast<int64_t>(b) * bins;
    float sum = 0;
    for (int32_t i = 0; i < bins; ++i) sum += std::min(one[i], other[i]);
    return sum;
  }

  // 1 less the pixels' share of the image.
  float rest(int32_t pixels) const {
    const float share = static_cast<float>(pixels) / static_cast<float>(regions_.image_size);
    return std::max(std::min(1.0f - share, 1.0f), 0.0f);
  }

  float fill(int32_t a, int32_t b) const { return rest(hull(box(a), box(b)).area() - size(a) - size(b)); }

  void merge_histograms(std::vector<float>& histograms, int32_t bins, int32_t a, int32_t b) {
    float* one = histograms.data() + static_cast<int64_t>(a) * bins;
    float* other = histograms.data() + static_cast<int64_t>(b) * bins;
    const float size_a = static_cast<float>(size(a)), size_b = static_cast<float>(size(b));
    const float both = static_cast<float>(size(a) + size(b));
    for (int32_t i = 0; i < bins; ++i) one[i] = other[i] = (one[i] * size_a + other[i] * size_b) / both;
  }

  RegionFeatures& regions_;
  int32_t measures_;
  float weight_, total_ = 0;
};

struct Pair {
  int32_t a, b;  // regions in the order of their making
  float similarity;

  bool operator<(const Pair& other) const { return similarity < other.similarity; }
  bool has(int32_t region) const { return a == region || b == region; }
};

// Takes the pairs of `a` or `b` out and returns whom they were with, each region once.
std::vector<int32_t> take_neighbors(std::vector<Pair>& pairs, int32_t a, int32_t b) {
  std::vector<int32_t> neighbors;
  const auto gone = [&](const Pair& pair) {
    if (!pair.has(a) && !pair.has(b)) return false;
    const int32_t other = pair.a == a || pair.a == b ? pair.b : pair.a;
    if (std::find(neighbors.begin(), neighbors.end(), other) == neighbors.end()) neighbors.push_back(other);
    return true;
  };
  size_t kept = 0;
  for (const Pair& pair : pairs) {
    if (!gone(pair)) pairs[kept++] = pair;
  }
  pairs.resize(kept);
  return neighbors;
}

}  // namespace

// A region made of two is described by the row of the one with the smaller row. Of equal similarities the one that
// std::sort puts last is taken, with all pairs sorted anew each time, as OpenCV does: the list of pairs decides.
std::vector<Box> group(RegionFeatures regions, int32_t measures) {
  Similarity similarity(regions, measures);
  std::vector<Box> made = regions.boxes;
  std::vector<int32_t> rows(made.size());
  std::iota(rows.begin(), rows.end(), 0);
  const auto row = [&](int32_t region) { return rows[static_cast<size_t>(region)]; };
  const auto box = [&](int32_t region) { return made[static_cast<size_t>(region)]; };
  std::vector<Pair> pairs;
  for (const auto& [i, j] : regions.neighbors) pairs.push_back({i, j, similarity(i, j)});
  while (!pairs.empty()) {
    std::sort(pairs.begin(), pairs.end());
    const auto [a, b, _] = pairs.back();
    pairs.pop_back();
    similarity.merge(row(a), row(b));
    const int32_t joined = static_cast<int32_t>(made.size());
    made.push_back(hull(box(a), box(b)));
    rows.push_back(std::min(row(a), row(b)));
    for (const int32_t other : take_neighbors(pairs, a, b)) {
      pairs.push_back({joined, other, similarity(row(joined), row(other))});
    }
  }
  return made;
}

}  // namespace spp::cpu
