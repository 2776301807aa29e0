// The kernels of one processor level. Before including this, define SPP_LEVEL (a namespace), SPP_VECTOR_BYTES and,
// where the processor can write around its caches, SPP_STREAM(pointer, vector); and switch the compiler to that level
// after including target_headers.h, so that functions shared by all levels stay within what every processor has.

namespace spp::cpu::SPP_LEVEL {
namespace {
// clang-format off: each one uses those before it
#include "simd-inl.h"
#include "lanes-inl.h"
#include "pack-inl.h"
#include "tables-inl.h"
#include "write_output-inl.h"
#include "forward-inl.h"
#include "backward-inl.h"
// clang-format on
}  // namespace
}  // namespace spp::cpu::SPP_LEVEL
