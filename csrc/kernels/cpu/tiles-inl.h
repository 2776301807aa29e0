// Pools a window whose cells no other one shares: its region is packed by itself, a large one tile by tile, so that
// what is packed stays in the cache and memory does not grow with the window.
#pragma once

#include <cstdint>
#include <vector>

#include "pool-inl.h"

SPP_BEGIN_TARGET
namespace spp::cpu::SPP_TARGET {
namespace {

template <typename L>
constexpr int64_t kTileCells = kTileBytes / static_cast<int64_t>(L::kUnits * sizeof(typename L::Unit));

template <typename L>
class TiledPool {
 public:
  using Unit = typename L::Unit;

  TiledPool(const Pyramid& pyramid, int32_t spans_per_window)
      : pyramid_(pyramid),
        spans_(static_cast<size_t>(spans_per_window)),
        tile_bins_(static_cast<size_t>(pyramid.bins) * L::kUnits) {}

  // `spans` count from the region's first cell; pack_region(region) packs cells of the map into `packed`.
  template <typename PackRegion>
  void pool_window(const Region& region, const Span* spans, bool has_empty, const PackRegion& pack_region,
                   const Unit* packed, Unit* bins) {
    if (region.cells() <= kTileCells<L>) {
      if (region.cells() > 0) pack_region(region);
      const auto pool = has_empty ? pool_levels<L, false, true> : pool_levels<L, false, false>;
      pool(pyramid_, spans, packed, region.width, bins);
    } else {
      pool_tiles(region, spans, pack_region, packed, bins);
    }
    merge_levels<L>(pyramid_, bins);
  }

 private:
  // Every bin is the maximum of what each tile has of it.
  template <typename PackRegion>
  void pool_tiles(const Region& region, const Span* spans, const PackRegion& pack_region, const Unit* packed,
                  Unit* bins) {
    constexpr int32_t kMostWidth = static_cast<int32_t>(kTileCells<L> / 4);
    const int32_t width = smaller(region.width, kMostWidth);
    const int32_t height = smaller(region.height, static_cast<int32_t>(kTileCells<L> / width));
    for (int64_t bin = 0; bin < pyramid_.bins; ++bin) L::empty().store_to(bins + bin * L::kUnits);
    for (int32_t y = 0; y < region.height; y += height) {
      for (int32_t x = 0; x < region.width; x += width) {
        const Region tile = {x, y, smaller(width, region.width - x), smaller(height, region.height - y)};
        clip_spans(tile, spans);
        pack_region({region.x + x, region.y + y, tile.width, tile.height});
        pool_levels<L, false, true>(pyramid_, spans_.data(), packed, tile.width, tile_bins_.data());
        merge_tile(bins);
      }
    }
  }

  // What of each span lies in the tile, counted from its first cell.
  void clip_spans(const Region& tile, const Span* spans) {
    Span* clipped = spans_.data();
    const auto clip_axis = [&](int32_t count, int32_t low, int32_t size) {
      for (int32_t i = 0; i < count; ++i, ++spans, ++clipped) {
        const int32_t first = larger(spans->first - low, 0), second = smaller(spans->second - low, size);
        *clipped = spans->first == kEmptySpan || first >= second ? Span{kEmptySpan, kEmptySpan} : Span{first, second};
      }
    };
    for_levels_from_map(pyramid_, [&](const Level& level) {
      clip_axis(level.columns, tile.x, tile.width);
      clip_axis(level.rows, tile.y, tile.height);
    });
  }

  void merge_tile(Unit* bins) const {
    for_levels_from_map(pyramid_, [&](const Level& level) {
      for (int64_t bin = level.first_bin; bin < level.first_bin + level.bins(); ++bin) {
        L merged = L::load_from(bins + bin * L::kUnits);
        merged.merge(L::load_from(tile_bins_.data() + bin * L::kUnits));
        merged.store_to(bins + bin * L::kUnits);
      }
    });
  }

  const Pyramid& pyramid_;
  std::vector<Span> spans_;
  AlignedVector<Unit> tile_bins_;
};

}  // namespace
}  // namespace spp::cpu::SPP_TARGET
SPP_END_TARGET
