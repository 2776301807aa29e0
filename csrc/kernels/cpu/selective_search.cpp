#include "selective_search.h"

#include <algorithm>
#include <memory>
#include <set>
#include <tuple>

namespace spp::cpu {
namespace {

// In [0, 1), evenly spread: the mixing function of Steele, Lea and Flood (2014), "Fast splittable pseudorandom number
// generators", of the place in a sequence.
double spread(uint64_t place) {
  uint64_t bits = (place + 1) * 0x9e3779b97f4a7c15u;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  return static_cast<double>((bits ^ (bits >> 31)) >> 11) / static_cast<double>(uint64_t{1} << 53);
}

// Each grouping's regions from the whole image down, and the boxes of all groupings in the order of their ranks; a box
// that came before is left out.
std::vector<Box> by_rank(const std::vector<std::vector<Box>>& groupings) {
  struct Ranked {
    double rank;
    Box box;
  };
  std::vector<Ranked> all;
  for (const std::vector<Box>& regions : groupings) {
    for (size_t place = 1; place <= regions.size(); ++place) {
      all.push_back({spread(all.size()) * static_cast<double>(place), regions[regions.size() - place]});
    }
  }
  const auto by_rank = [](const Ranked& a, const Ranked& b) { return a.rank < b.rank; };
  std::stable_sort(all.begin(), all.end(), by_rank);
  std::set<std::tuple<int32_t, int32_t, int32_t, int32_t>> known;
  std::vector<Box> boxes;
  for (const auto& [_, box] : all) {
    if (known.emplace(box.x1, box.y1, box.x2, box.y2).second) boxes.push_back(box);
  }
  return boxes;
}

}  // namespace

std::vector<Box> search(const SelectiveSearch& what, const Parallel& parallel) {
  const int64_t images = static_cast<int64_t>(what.images.size());
  const int64_t scales = static_cast<int64_t>(what.scales.size());
  const int64_t strategies = static_cast<int64_t>(what.measures.size());
  const auto in_parallel = [&](int64_t count, const auto& body) {
    run_tasks(parallel, count, [&] { return [&](int64_t task) { body(static_cast<size_t>(task)); }; });
  };

  std::vector<std::unique_ptr<PixelGraph>> graphs(what.images.size());
  in_parallel(images, [&](size_t image) { graphs[image] = std::make_unique<PixelGraph>(what.smooth[image]); });

  std::vector<RegionFeatures> segmented(static_cast<size_t>(images * scales));
  in_parallel(images * scales, [&](size_t i) {
    const size_t image = i / what.scales.size();
    const Segments segments = graphs[image]->segment(what.scales[i % what.scales.size()], what.least_size);
    segmented[i] = features_of(segments, what.images[image]);
  });

  std::vector<std::vector<Box>> groupings(static_cast<size_t>(images * scales * strategies));
  in_parallel(images * scales * strategies, [&](size_t i) {
    groupings[i] = group(segmented[i / what.measures.size()], what.measures[i % what.measures.size()]);
  });
  return by_rank(groupings);
}

}  // namespace spp::cpu
