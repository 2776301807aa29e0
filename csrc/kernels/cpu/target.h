// One build of the kernels: the same sources compiled for one target, a processor's instruction set.
#pragma once

#include "plan.h"

namespace spp::cpu {

struct TargetKernels {
  const char* name;
  void (*forward)(const ForwardArgs&, const Plan&, const Parallel&);
  void (*backward)(const BackwardArgs&, const Parallel&);
  void (*gather)(const GatherArgs&, const Parallel&);
};

extern const TargetKernels kBaselineKernels;
#if defined(__x86_64__)
extern const TargetKernels kAvx2Kernels;
extern const TargetKernels kAvx512Kernels;
#endif

}  // namespace spp::cpu
