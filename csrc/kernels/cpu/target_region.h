// The stretch of a source that is compiled for one target: a processor's instruction set.
//
// Each target_*.cpp names its target in macros and includes the kernels; in every `-inl.h` they stand between
// SPP_BEGIN_TARGET and SPP_END_TARGET, in namespace spp::cpu::SPP_TARGET. What all targets share, the standard
// library's headers too, is included outside: no function of it may be compiled for more than every processor has, as
// the linker keeps one copy for all of them.
//
// A header looked at by itself, as tools do, is one of the baseline's.
#pragma once

#if !defined(SPP_TARGET)
#define SPP_TARGET baseline  // the namespace
#define SPP_VECTOR_BYTES 16
#endif

#define SPP_PRAGMA_TEXT(...) _Pragma(#__VA_ARGS__)
#define SPP_PRAGMA(...) SPP_PRAGMA_TEXT(__VA_ARGS__)

#if !defined(SPP_TARGET_FEATURES)  // what the compiler was told for all sources
#define SPP_BEGIN_TARGET
#define SPP_END_TARGET
#elif defined(__clang__)
#define SPP_BEGIN_TARGET \
  SPP_PRAGMA(clang attribute push(__attribute__((target(SPP_TARGET_FEATURES))), apply_to = function))
#define SPP_END_TARGET SPP_PRAGMA(clang attribute pop)
#else
#define SPP_BEGIN_TARGET       \
  SPP_PRAGMA(GCC push_options) \
  SPP_PRAGMA(GCC target(SPP_TARGET_FEATURES))
#define SPP_END_TARGET SPP_PRAGMA(GCC pop_options)
#endif

// Before a loop of at most 32 rounds over vectors that are to stay in registers.
#if defined(__clang__)
#define SPP_UNROLL SPP_PRAGMA(clang loop unroll(full))
#else
#define SPP_UNROLL SPP_PRAGMA(GCC unroll 32)
#endif

// Of a function that takes vectors by reference: called, it would find them in memory. A compiler that counts a
// function's instructions before its loops are unrolled would call it.
#define SPP_INLINE inline __attribute__((always_inline))

// Of a function whose inner loop needs every register: in its caller it would share them with the caller's values.
#define SPP_NOINLINE __attribute__((noinline))
