// The kernels of one processor level. Before including this, define SPP_LEVEL (a namespace), SPP_VECTOR_BYTES and,
// where the processor can write around its caches, SPP_STREAM(pointer, vector); and switch the compiler to that level
// after including level_headers.h, so that functions shared by all levels stay within what every processor has.

namespace spp::cpu::SPP_LEVEL {
namespace {
#include "backward.h"
#include "emit.h"
#include "forward.h"
#include "lanes.h"
#include "pack.h"
#include "simd.h"
#include "tables.h"
}  // namespace
}  // namespace spp::cpu::SPP_LEVEL
