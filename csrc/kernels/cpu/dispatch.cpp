#include <atomic>
#include <cstdlib>
#include <cstring>

#include "roi_spp_cpu.h"
#include "target.h"

namespace spp::cpu {
namespace {

// Best first.
const TargetKernels* const kTargets[] = {
#if defined(__x86_64__)
    &kAvx512Kernels,
    &kAvx2Kernels,
#endif
    &kBaselineKernels,
};

bool supported([[maybe_unused]] const TargetKernels& target) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (&target == &kAvx512Kernels) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  }
  if (&target == &kAvx2Kernels) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  }
#endif
  return true;
}

const TargetKernels* find_target(const char* name) {
  for (const TargetKernels* target : kTargets) {
    if ((*name == '\0' || std::strcmp(target->name, name) == 0) && supported(*target)) return target;
  }
  return nullptr;
}

const TargetKernels* initial_target() {
  const char* asked = std::getenv("SPP_OPS_CPU_LEVEL");
  const TargetKernels* target = asked != nullptr ? find_target(asked) : nullptr;
  return target != nullptr ? target : find_target("");
}

std::atomic<const TargetKernels*>& active() {
  static std::atomic<const TargetKernels*> target{initial_target()};
  return target;
}

// In the order of Reading.
const char* const kReadingNames[] = {"auto", "cells", "tables", "windows"};

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

}  // namespace

int64_t forward(const ForwardArgs& args, const Parallel& parallel) {
  const int64_t pooled = pooled_elements(args, args.boxes.count);
  const Plan plan = make_plan(args, threads_for(pooled, parallel), reading.load());
  if (plan.bad_row != kNoBadRow) return plan.bad_row;
  if (args.sources != nullptr) std::memcpy(args.sources, plan.sources.data(), plan.sources.size() * sizeof(int32_t));
  const Parallel threads = threads_for(pooled + args.channels * plan.packed_cells, parallel);
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
    if (project_row(args, r).bad()) return r;
  }
  return kNoBadRow;
}

const char* target_name() { return active().load()->name; }

const char* reading_name() { return kReadingNames[static_cast<int>(reading.load())]; }

bool set_reading(const char* name) {
  for (Reading one : {Reading::kAuto, Reading::kCells, Reading::kTables, Reading::kWindows}) {
    if (std::strcmp(kReadingNames[static_cast<int>(one)], name) != 0) continue;
    reading = one;
    return true;
  }
  return false;
}

bool set_target(const char* name) {
  const TargetKernels* target = find_target(name);
  if (target != nullptr) active() = target;
  return target != nullptr;
}

}  // namespace spp::cpu
