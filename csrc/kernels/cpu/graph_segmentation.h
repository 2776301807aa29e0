// Graph-based segmentation (Felzenszwalb and Huttenlocher, 2004): neighboring pixels are joined in the order of their
// difference as long as it is small beside what varies inside the segments that they belong to.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

namespace spp::cpu {

// float32 [height, width, channels], smoothed.
struct SmoothImage {
  const float* pixels;
  int32_t height, width, channels;
};

// Segments are numbered in the order of their first pixels.
struct Segments {
  std::vector<int32_t> labels;  // of each pixel
  int32_t count = 0;
};

// The pixels of an image and what differs between neighbors, in ascending order: made once, segmented at many scales.
class PixelGraph {
 public:
  explicit PixelGraph(const SmoothImage& image);

  // A larger scale prefers larger segments; those of less than `least_size` pixels join a neighbor.
  Segments segment(float scale, int32_t least_size) const;

 private:
  // A difference as its bits, which are in the order of their numbers, and the edge: twice the pixel, and 1 for the
  // edge to the pixel below instead of the one to the right.
  struct Edge {
    uint32_t difference, edge;
  };
  struct Forest;

  void add_edges(const SmoothImage& image);
  void sort_edges();
  int32_t other_end(uint32_t edge) const { return static_cast<int32_t>(edge / 2) + (edge % 2 ? width_ : 1); }
  bool join_small(const std::vector<Edge>& left, int32_t least_size, Forest& forest) const;
  bool depends_on_order(const Edge* begin, const Edge* end, int32_t least_size, Forest& forest) const;
  void join_small_in_listed_order(int32_t least_size, Forest& forest) const;
  const std::vector<Edge>& listed_edges() const;
  Segments numbered(Forest& forest) const;

  int32_t height_, width_;
  std::vector<Edge> edges_;
  mutable std::vector<Edge> listed_;  // see listed_edges
  mutable std::once_flag listed_once_;
};

}  // namespace spp::cpu
