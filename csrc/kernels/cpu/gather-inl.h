// Gather, the transpose of backward: what the maps hold where the indices point.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "../dispatch.h"
#include "parallel.h"
#include "target_region.h"

SPP_BEGIN_TARGET
namespace spp::cpu::SPP_TARGET {
namespace {

template <typename Stored, typename Index>
void gather_indexed(const GatherArgs& args, const Parallel& parallel) {
  const int64_t width = args.channels * args.pyramid.bins;
  constexpr int64_t kLeastShare = 8;
  run_shares(parallel, args.count, kLeastShare, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      Stored* to = static_cast<Stored*>(args.output) + r * width;
      const Index* cells = static_cast<const Index*>(args.indices) + r * width;
      const int32_t source = args.sources[r];
      if (source == kBadRow) {
        std::fill_n(to, width, Stored{});
        continue;
      }
      const FeatureMap& map = args.maps[source / args.images];
      const Stored* image = static_cast<const Stored*>(map.data) + source % args.images * map.image_stride;
      const int64_t plane_cells = static_cast<int64_t>(map.height) * map.width;
      for (int32_t l = 0; l < args.pyramid.count; ++l) {
        const int64_t bins = args.pyramid.levels[l].bins();
        for (int64_t c = 0; c < args.channels; ++c, to += bins, cells += bins) {
          const Stored* plane = image + c * map.channel_stride;
          for (int64_t b = 0; b < bins; ++b) {
            const int64_t cell = static_cast<std::make_unsigned_t<Index>>(cells[b]);
            to[b] = cell >= plane_cells  // kNoCell, which is past any plane
                        ? Stored{}
                        : plane[cell / map.width * map.row_stride + cell % map.width * map.column_stride];
          }
        }
      }
    }
  });
}

void gather(const GatherArgs& args, const Parallel& parallel) {
  with_type(args.type, [&](auto type) {
    with_index_type(args.index_type, [&](auto index_type) {
      gather_indexed<typename decltype(type)::type, typename decltype(index_type)::type>(args, parallel);
    });
  });
}

}  // namespace
}  // namespace spp::cpu::SPP_TARGET
SPP_END_TARGET
