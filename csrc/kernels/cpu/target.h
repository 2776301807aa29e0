// One build of the kernels: the same sources compiled for one processor level.
#pragma once

#include "plan.h"

namespace spp::cpu {

struct LevelKernels {
  const char* name;
  void (*forward)(const ForwardArgs&, const Plan&, const Parallel&);
  void (*backward)(const BackwardArgs&, const Parallel&);
  void (*gather)(const GatherArgs&, const Parallel&);
};

extern const LevelKernels kBaselineKernels;
#if defined(__x86_64__)
extern const LevelKernels kAvx2Kernels;
extern const LevelKernels kAvx512Kernels;
#endif

}  // namespace spp::cpu
