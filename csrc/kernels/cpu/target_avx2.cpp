// x86-64 with AVX2.
#if defined(__x86_64__)
#include <immintrin.h>

#include "target_headers.h"

#pragma GCC target("avx2,fma,f16c,bmi,bmi2")
#define SPP_LEVEL avx2
#define SPP_VECTOR_BYTES 32
#define SPP_STREAM(to, value) _mm256_stream_si256(reinterpret_cast<__m256i*>(to), (__m256i)(value))
#include "target_kernels-inl.h"

namespace spp::cpu {
const LevelKernels kAvx2Kernels = {"avx2", avx2::forward, avx2::backward, avx2::gather};
}
#endif
