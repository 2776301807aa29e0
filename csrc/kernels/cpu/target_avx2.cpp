// x86-64 with AVX2.
#if defined(__x86_64__)
#include <immintrin.h>

#define SPP_TARGET avx2
#define SPP_TARGET_FEATURES "avx2,fma,f16c,bmi,bmi2"
#define SPP_VECTOR_BYTES 32
#define SPP_STREAM(to, value) _mm256_stream_si256(reinterpret_cast<__m256i*>(to), (__m256i)(value))
#include "target.h"
#include "target_kernels-inl.h"

namespace spp::cpu {
const TargetKernels kAvx2Kernels = {"avx2", avx2::forward, avx2::backward, avx2::gather};
}
#endif
