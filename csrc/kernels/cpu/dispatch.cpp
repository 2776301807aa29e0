#include <atomic>
#include <cstdlib>
#include <cstring>

#include "target.h"
#include "roi_spp_cpu.h"

namespace spp::cpu {
namespace {

// Best first.
const LevelKernels* const kLevels[] = {
#if defined(__x86_64__)
    &kAvx512Kernels,
    &kAvx2Kernels,
#endif
    &kBaselineKernels,
};

bool supported(const LevelKernels& level) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (&level == &kAvx512Kernels) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  }
  if (&level == &kAvx2Kernels) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  }
#endif
  return true;
}

const LevelKernels* find_level(const char* name) {
  for (const LevelKernels* level : kLevels) {
    if ((*name == '\0' || std::strcmp(level->name, name) == 0) && supported(*level)) return level;
  }
  return nullptr;
}

const LevelKernels* initial_level() {
  const char* asked = std::getenv("SPP_OPS_CPU_LEVEL");
  const LevelKernels* level = asked != nullptr ? find_level(asked) : nullptr;
  return level != nullptr ? level : find_level("");
}

std::atomic<const LevelKernels*>& active() {
  static std::atomic<const LevelKernels*> level{initial_level()};
  return level;
}

// In the order of Reading.
const char* const kReadingNames[] = {"auto", "cells", "tables"};

std::atomic<Reading> reading{Reading::kAuto};

// Waking threads takes longer than reading and writing this many elements does.
constexpr int64_t kElementsWorthThreads = 32768;

Parallel threads_for(int64_t elements, const Parallel& parallel) {
  return elements < kElementsWorthThreads ? Parallel{1, nullptr} : parallel;
}

template <typename Args>
int64_t pooled_elements(const Args& args, int64_t windows) {
  return windows * args.channels * args.pyramid.bins;
}

// No more of the maps is read than one map a window.
int64_t read_elements(const ForwardArgs& args) {
  int64_t cells = 0;
  for (int32_t m = 0; m < args.map_count; ++m) {
    cells = larger(cells, static_cast<int64_t>(args.maps[m].height) * args.maps[m].width);
  }
  return smaller<int64_t>(args.boxes.count, args.images) * args.channels * cells;
}

}  // namespace

int64_t forward(const ForwardArgs& args, const Parallel& parallel) {
  const int64_t elements = read_elements(args) + pooled_elements(args, args.boxes.count);
  const Parallel threads = threads_for(elements, parallel);
  const Plan plan = make_plan(args, threads, reading.load());
  if (plan.bad_row != kNoBadRow) return plan.bad_row;
  if (args.sources != nullptr) std::memcpy(args.sources, plan.sources.data(), plan.sources.size() * sizeof(int32_t));
  active().load()->forward(args, plan, threads);
  return kNoBadRow;
}

void backward(const BackwardArgs& args, const Parallel& parallel) {
  int64_t elements = pooled_elements(args, args.count);
  for (int32_t m = 0; m < args.map_count; ++m) {
    elements += args.images * args.channels * args.heights[m] * args.widths[m];
  }
  active().load()->backward(args, threads_for(elements, parallel));
}

void gather(const GatherArgs& args, const Parallel& parallel) {
  active().load()->gather(args, threads_for(pooled_elements(args, args.count), parallel));
}

int64_t first_bad_row(const ForwardArgs& args) {
  for (int64_t r = 0; r < args.boxes.count; ++r) {
    if (place_row(args, r).bad()) return r;
  }
  return kNoBadRow;
}

const char* level_name() { return active().load()->name; }

const char* reading_name() { return kReadingNames[static_cast<int>(reading.load())]; }

bool set_reading(const char* name) {
  for (Reading one : {Reading::kAuto, Reading::kCells, Reading::kTables}) {
    if (std::strcmp(kReadingNames[static_cast<int>(one)], name) != 0) continue;
    reading = one;
    return true;
  }
  return false;
}

bool set_level(const char* name) {
  const LevelKernels* level = find_level(name);
  if (level != nullptr) active() = level;
  return level != nullptr;
}

}  // namespace spp::cpu
