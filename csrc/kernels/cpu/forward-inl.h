// Forward: a worker takes a block of channels of one map at a time, packs them, and pools every window of that map.
#pragma once

#include <cstdint>

#include "../dispatch.h"
#include "pack-inl.h"
#include "parallel.h"
#include "plan.h"
#include "tables-inl.h"
#include "tiles-inl.h"
#include "write_output-inl.h"

SPP_BEGIN_TARGET
namespace spp::cpu::SPP_TARGET {
namespace {

// A worker's memory for packed cells and their tables: enough for any group's, and for what pack() writes past them.
template <typename L>
size_t most_units(const Plan& plan) {
  int64_t positions = 0;
  for (const Group& group : plan.groups) {
    if (group.shared) {
      positions = larger(positions, group.region.cells() * group.tables.slots());
      continue;
    }
    for (int64_t i = group.begin; i < group.end; ++i) {
      positions = larger(positions, smaller(plan.regions[static_cast<size_t>(i)].cells(), kTileCells<L>));
    }
  }
  return static_cast<size_t>((positions + L::kLanes) * L::kUnits);
}

// One worker's share of the work, with its scratch memory.
template <typename Stored, typename Index>
class Worker {
 public:
  using L = Lanes<Stored, Index>;

  Worker(const ForwardArgs& args, const Plan& plan)
      : args_(args),
        plan_(plan),
        writer_(args),
        packed_(most_units<L>(plan)),
        bins_(static_cast<size_t>(args.pyramid.bins) * L::kUnits),
        tiles_(args.pyramid, plan.spans_per_window) {}

  // Windows [begin, end) of a group, in the plan's order, for one block of channels.
  void pool_block(const Group& group, int64_t block, int64_t begin, int64_t end) {
    if (begin == end) return;
    const FeatureMap& features = args_.maps[group.map];
    const int64_t first_channel = block * L::kLanes;
    const int channels = static_cast<int>(smaller<int64_t>(L::kLanes, args_.channels - first_channel));
    const auto pack_region = [&](const Region& region) {
      pack<L, Stored>(features, group.image, region, first_channel, channels, packed_.data());
    };
    if (group.shared) {
      pack_region(group.region);
      build_tables<L>(group.tables, group.region.height, group.region.width, packed_.data());
    }
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = plan_.order[static_cast<size_t>(i)];
      const bool has_empty = plan_.has_empty[static_cast<size_t>(row)] != 0;
      const Span* spans = plan_.spans.data() + i * plan_.spans_per_window;
      if (group.shared) {
        const auto pool = plan_.from_tables[static_cast<size_t>(i)] != 0
                              ? (has_empty ? pool_window<L, true, true> : pool_window<L, true, false>)
                              : (has_empty ? pool_window<L, false, true> : pool_window<L, false, false>);
        pool(args_.pyramid, spans, packed_.data(), group.region.width, bins_.data());
      } else {
        tiles_.pool_window(plan_.regions[static_cast<size_t>(i)], spans, has_empty, pack_region, packed_.data(),
                           bins_.data());
      }
      writer_.write(bins_.data(), row, first_channel, channels, has_empty);
    }
  }

 private:
  const ForwardArgs& args_;
  const Plan& plan_;
  OutputWriter<Stored, Index> writer_;
  AlignedVector<typename L::Unit> packed_;
  AlignedVector<typename L::Unit> bins_;
  TiledPool<L> tiles_;
};

template <typename Stored, typename Index>
void forward_as(const ForwardArgs& args, const Plan& plan, const Parallel& parallel) {
  constexpr int64_t kLanes = Lanes<Stored, Index>::kLanes;
  const int64_t blocks = (args.channels + kLanes - 1) / kLanes;
  const int64_t groups = static_cast<int64_t>(plan.groups.size());
  // Enough tasks for the threads to share evenly; each one packs the map anew, so no more than that.
  const int64_t parts = larger<int64_t>(1, 4 * parallel.threads / larger<int64_t>(1, groups * blocks));
  run_tasks(parallel, groups * blocks * parts, [&] {
    return [&, worker = Worker<Stored, Index>(args, plan)](int64_t task) mutable {
      const Group& group = plan.groups[static_cast<size_t>(task / (blocks * parts))];
      const int64_t part = task % parts, count = group.end - group.begin;
      worker.pool_block(group, task / parts % blocks, group.begin + count * part / parts,
                        group.begin + count * (part + 1) / parts);
    };
  });
}

void forward(const ForwardArgs& args, const Plan& plan, const Parallel& parallel) {
  with_type(args.type, [&](auto type) {
    using Stored = typename decltype(type)::type;
    if (args.indices == nullptr) return forward_as<Stored, NoIndex>(args, plan, parallel);
    with_index_type(args.index_type, [&](auto index_type) {
      forward_as<Stored, typename decltype(index_type)::type>(args, plan, parallel);
    });
  });
}

}  // namespace
}  // namespace spp::cpu::SPP_TARGET
SPP_END_TARGET
