// The operator on the CPU: entry points, and which target's build of the kernels serves them.
#pragma once

#include "../roi_spp.h"
#include "parallel.h"

namespace spp::cpu {

constexpr int64_t kNoBadRow = -1;

// Pools every window. Returns kNoBadRow, or the first bad row of the boxes; nothing is written then.
int64_t forward(const ForwardArgs& args, const Parallel& parallel);
void backward(const BackwardArgs& args, const Parallel& parallel);
void gather(const GatherArgs& args, const Parallel& parallel);

// First row of the boxes that names no image or map, or holds NaN or inf; kNoBadRow if all are good.
int64_t first_bad_row(const ForwardArgs& args);

// "baseline", "avx2" or "avx512": the build in use. SPP_OPS_CPU_LEVEL in the environment asks for one at load time.
const char* target_name();
// Asks for a target by name, "" for the best one. False if this processor is none or there is no such target.
bool set_target(const char* name);

// How bins are read: "cells", "tables", "windows" (each packed by itself), or "auto" for what a cost model finds
// cheapest, window by window. False for another name.
const char* reading_name();
bool set_reading(const char* name);

}  // namespace spp::cpu
