#include <atomic>
#include <cstdlib>
#include <cstring>

#include "level.h"
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

}  // namespace

int64_t forward(const ForwardArgs& args, const Parallel& parallel) {
  const Plan plan = make_plan(args, parallel, Reading::kAuto);
  if (plan.bad_row != kNoBadRow) return plan.bad_row;
  if (args.sources != nullptr) std::memcpy(args.sources, plan.sources.data(), plan.sources.size() * sizeof(int32_t));
  active().load()->forward(args, plan, parallel);
  return kNoBadRow;
}

void backward(const BackwardArgs& args, const Parallel& parallel) { active().load()->backward(args, parallel); }

void gather(const GatherArgs& args, const Parallel& parallel) { active().load()->gather(args, parallel); }

int64_t first_bad_row(const ForwardArgs& args) {
  for (int64_t r = 0; r < args.boxes.count; ++r) {
    if (place_row(args, r).bad()) return r;
  }
  return kNoBadRow;
}

const char* level_name() { return active().load()->name; }

bool set_level(const char* name) {
  const LevelKernels* level = find_level(name);
  if (level != nullptr) active() = level;
  return level != nullptr;
}

}  // namespace spp::cpu
