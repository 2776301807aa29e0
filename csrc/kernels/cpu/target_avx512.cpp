// x86-64 with AVX-512 F, BW, DQ and VL.
#if defined(__x86_64__)
#include <immintrin.h>

#define SPP_TARGET avx512
#if defined(__clang__)  // uses as long vectors as there are
#define SPP_TARGET_FEATURES "avx2,fma,f16c,bmi,bmi2,avx512f,avx512bw,avx512dq,avx512vl"
#else
#define SPP_TARGET_FEATURES "avx2,fma,f16c,bmi,bmi2,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"
#endif
#define SPP_VECTOR_BYTES 64
#define SPP_STREAM(to, value) _mm512_stream_si512(reinterpret_cast<__m512i*>(to), (__m512i)(value))
#include "target.h"
#include "target_kernels-inl.h"

namespace spp::cpu {
const TargetKernels kAvx512Kernels = {"avx512", avx512::forward, avx512::backward, avx512::gather};
}
#endif
