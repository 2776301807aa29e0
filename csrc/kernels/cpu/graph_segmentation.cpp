#include "graph_segmentation.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <utility>

namespace spp::cpu {
namespace {

// The distance of two colors. Squares are exact in float64 and each sum is rounded to float32: segments depend on the
// last bit where differences are close, and other programs' segments (OpenCV's) are met only in this way.
float difference(const float* a, const float* b, int32_t channels) {
  float sum = 0;
  for (int32_t c = 0; c < channels; ++c) {
    const double step = static_cast<double>(a[c] - b[c]);
    sum = static_cast<float>(static_cast<double>(sum) + step * step);
  }
  return std::sqrt(sum);
}

using SegmentPair = std::pair<int32_t, int32_t>;  // roots, the smaller one first

bool meet(const SegmentPair& a, const SegmentPair& b) {
  return a != b && (a.first == b.first || a.first == b.second || a.second == b.first || a.second == b.second);
}

// A few pairs of segments that may be joined, tried in every order.
class SmallGroup {
 public:
  static constexpr size_t kMost = 5;  // pairs: 120 orders

  template <typename SizeOf>
  SmallGroup(std::vector<SegmentPair> pairs, const SizeOf& size_of) : pairs_(std::move(pairs)) {
    for (const auto& [a, b] : pairs_) {
      for (const int32_t root : {a, b}) {
        if (std::find(roots_.begin(), roots_.end(), root) != roots_.end()) continue;
        roots_.push_back(root);
        sizes_.push_back(size_of(root));
      }
    }
    std::sort(pairs_.begin(), pairs_.end());
  }

  bool depends_on_order(int32_t least_size) const {
    std::vector<SegmentPair> order = pairs_;
    const std::vector<int32_t> expected = joined(order, least_size);
    while (std::next_permutation(order.begin(), order.end())) {
      if (joined(order, least_size) != expected) return true;
    }
    return false;
  }

 private:
  size_t place(int32_t root) const {
    return static_cast<size_t>(std::find(roots_.begin(), roots_.end(), root) - roots_.begin());
  }

  // For each segment the first one of those that it is joined with.
  std::vector<int32_t> joined(const std::vector<SegmentPair>& order, int32_t least_size) const {
    std::vector<int32_t> sizes = sizes_, first(roots_.size());
    for (size_t i = 0; i < first.size(); ++i) first[i] = static_cast<int32_t>(i);
    for (const auto& [a, b] : order) {
      const auto [low, high] = std::minmax({first[place(a)], first[place(b)]});
      int32_t &size = sizes[static_cast<size_t>(low)], other = sizes[static_cast<size_t>(high)];
      if (low == high || (size >= least_size && other >= least_size)) continue;
      size += other;
      for (int32_t& each : first) each = each == high ? low : each;
    }
    return first;
  }

  std::vector<SegmentPair> pairs_;
  std::vector<int32_t> roots_, sizes_;
};

}  // namespace

// Trees of pixels, each a segment; what is known of a segment stands at its root.
struct PixelGraph::Forest {
  struct Node {
    int32_t parent, size;
    float threshold;  // the largest difference that still joins the segment to another
  };
  std::vector<Node> nodes;

  Forest(int32_t pixels, float threshold) : nodes(static_cast<size_t>(pixels)) {
    for (int32_t i = 0; i < pixels; ++i) nodes[static_cast<size_t>(i)] = {i, 1, threshold};
  }

  Node& operator[](int32_t pixel) { return nodes[static_cast<size_t>(pixel)]; }

  int32_t root(int32_t pixel) {
    while ((*this)[pixel].parent != pixel) {
      const int32_t parent = (*this)[pixel].parent;
      pixel = (*this)[pixel].parent = (*this)[parent].parent;
    }
    return pixel;
  }

  // Returns the root of both.
  int32_t join(int32_t a, int32_t b) {
    if ((*this)[a].size < (*this)[b].size) std::swap(a, b);
    (*this)[b].parent = a;
    (*this)[a].size += (*this)[b].size;
    return a;
  }

  bool one_is_small(int32_t a, int32_t b, int32_t least_size) {
    return (*this)[a].size < least_size || (*this)[b].size < least_size;
  }
};

PixelGraph::PixelGraph(const SmoothImage& image) : height_(image.height), width_(image.width) {
  add_edges(image);
  sort_edges();
}

void PixelGraph::add_edges(const SmoothImage& image) {
  const int32_t channels = image.channels;
  edges_.reserve(static_cast<size_t>(height_) * static_cast<size_t>(width_) * 2);
  for (int32_t y = 0; y < height_; ++y) {
    for (int32_t x = 0; x < width_; ++x) {
      const int32_t pixel = y * width_ + x;
      const float* here = image.pixels + static_cast<int64_t>(pixel) * channels;
      const auto add = [&](const float* there, uint32_t below) {
        edges_.push_back(
            {std::bit_cast<uint32_t>(difference(here, there, channels)), 2 * static_cast<uint32_t>(pixel) + below});
      };
      if (x + 1 < width_) add(here + channels, 0);
      if (y + 1 < height_) add(here + static_cast<int64_t>(width_) * channels, 1);
    }
  }
}

// By digits of 11 bits from the lowest one up; equal differences keep the order of their pixels.
void PixelGraph::sort_edges() {
  constexpr int kBits = 11;
  constexpr uint32_t kDigits = 1u << kBits;
  std::vector<Edge> sorted(edges_.size());
  for (int shift = 0; shift < 32; shift += kBits) {
    std::vector<size_t> place(kDigits + 1, 0);
    for (const Edge& edge : edges_) ++place[((edge.difference >> shift) & (kDigits - 1)) + 1];
    for (uint32_t digit = 0; digit < kDigits; ++digit) place[digit + 1] += place[digit];
    for (const Edge& edge : edges_) sorted[place[(edge.difference >> shift) & (kDigits - 1)]++] = edge;
    edges_.swap(sorted);
  }
}

// Which of equal differences comes first does not matter here (a joined segment's threshold is no less than the
// difference that joined it), but it does where small segments join a neighbor.
Segments PixelGraph::segment(float scale, int32_t least_size) const {
  Forest forest(height_ * width_, scale);
  std::vector<Edge> left;
  for (const Edge& edge : edges_) {
    int32_t a = forest.root(static_cast<int32_t>(edge.edge / 2));
    const int32_t b = forest.root(other_end(edge.edge));
    if (a == b) continue;
    const float between = std::bit_cast<float>(edge.difference);
    if (between > forest[a].threshold || between > forest[b].threshold) {
      left.push_back(edge);
      continue;
    }
    a = forest.join(a, b);
    forest[a].threshold = between + scale / static_cast<float>(forest[a].size);
  }
  const Forest before = forest;
  if (!join_small(left, least_size, forest)) {
    forest = before;
    join_small_in_listed_order(least_size, forest);
  }
  return numbered(forest);
}

// Returns whether the segments are the same for any order of equal differences; if not, `forest` is of no use.
bool PixelGraph::join_small(const std::vector<Edge>& left, int32_t least_size, Forest& forest) const {
  const Edge* const end = left.data() + left.size();
  for (const Edge* begin = left.data(); begin != end;) {
    const Edge* same = begin + 1;
    while (same != end && same->difference == begin->difference) ++same;
    if (same - begin > 1 && depends_on_order(begin, same, least_size, forest)) return false;
    for (; begin != same; ++begin) {
      const int32_t a = forest.root(static_cast<int32_t>(begin->edge / 2));
      const int32_t b = forest.root(other_end(begin->edge));
      if (a != b && forest.one_is_small(a, b, least_size)) forest.join(a, b);
    }
  }
  return true;
}

// Edges of the same difference: whether what they join differs between the orders in which they can come.
bool PixelGraph::depends_on_order(const Edge* begin, const Edge* end, int32_t least_size, Forest& forest) const {
  constexpr size_t kMost = 64;  // of more it is not looked into
  std::vector<SegmentPair> pairs;
  for (; begin != end; ++begin) {
    const SegmentPair pair =
        std::minmax(forest.root(static_cast<int32_t>(begin->edge / 2)), forest.root(other_end(begin->edge)));
    if (pair.first == pair.second || !forest.one_is_small(pair.first, pair.second, least_size)) continue;
    if (std::find(pairs.begin(), pairs.end(), pair) == pairs.end()) pairs.push_back(pair);
    if (pairs.size() > kMost) return true;
  }
  std::vector<SegmentPair> meeting;
  std::copy_if(pairs.begin(), pairs.end(), std::back_inserter(meeting), [&](const SegmentPair& pair) {
    return std::any_of(pairs.begin(), pairs.end(), [&](const SegmentPair& other) { return meet(pair, other); });
  });
  if (meeting.size() > SmallGroup::kMost) return true;
  return SmallGroup(meeting, [&](int32_t root) { return forest[root].size; }).depends_on_order(least_size);
}

void PixelGraph::join_small_in_listed_order(int32_t least_size, Forest& forest) const {
  for (const Edge& edge : listed_edges()) {
    if (edge.difference == 0) continue;
    const int32_t a = forest.root(static_cast<int32_t>(edge.edge / 2));
    const int32_t b = forest.root(other_end(edge.edge));
    if (a != b && forest.one_is_small(a, b, least_size)) forest.join(a, b);
  }
}

// The edges in the order in which OpenCV goes through them: listed from both ends (up, left, down, right of each pixel)
// and sorted by std::sort, which leaves equal ones in an order of its own that follows from the list alone.
const std::vector<PixelGraph::Edge>& PixelGraph::listed_edges() const {
  std::call_once(listed_once_, [this] {
    std::vector<uint32_t> difference(2 * static_cast<size_t>(height_) * static_cast<size_t>(width_));
    for (const Edge& edge : edges_) difference[edge.edge] = edge.difference;
    listed_.reserve(2 * edges_.size());
    const auto list = [&](uint32_t edge) { listed_.push_back({difference[edge], edge}); };
    const uint32_t width = static_cast<uint32_t>(width_);
    for (int32_t y = 0; y < height_; ++y) {
      for (int32_t x = 0; x < width_; ++x) {
        const uint32_t pixel = static_cast<uint32_t>(y * width_ + x);
        if (y > 0) list(2 * (pixel - width) + 1);
        if (x > 0) list(2 * (pixel - 1));
        if (y + 1 < height_) list(2 * pixel + 1);
        if (x + 1 < width_) list(2 * pixel);
      }
    }
    std::sort(listed_.begin(), listed_.end(), [](const Edge& a, const Edge& b) { return a.difference < b.difference; });
  });
  return listed_;
}

Segments PixelGraph::numbered(Forest& forest) const {
  Segments segments;
  segments.labels.resize(forest.nodes.size());
  std::vector<int32_t> number(forest.nodes.size(), -1);
  for (int32_t pixel = 0; pixel < height_ * width_; ++pixel) {
    int32_t& of_root = number[static_cast<size_t>(forest.root(pixel))];
    if (of_root < 0) of_root = segments.count++;
    segments.labels[static_cast<size_t>(pixel)] = of_root;
  }
  return segments;
}

}  // namespace spp::cpu
