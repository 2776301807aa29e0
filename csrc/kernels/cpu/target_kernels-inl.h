// All kernels of one target. A target_*.cpp defines, before it includes this:
//   SPP_TARGET           the namespace
//   SPP_VECTOR_BYTES     how long a vector is
//   SPP_TARGET_FEATURES  what the compiler may use beyond what it was told for all sources
//   SPP_STREAM(to, v)    writes a vector around the caches; left out where the processor cannot
#pragma once

#include "backward-inl.h"
#include "forward-inl.h"
#include "gather-inl.h"
