// Any processor.
#define SPP_TARGET baseline
#define SPP_VECTOR_BYTES 16
#include "target.h"
#include "target_kernels-inl.h"

namespace spp::cpu {
const TargetKernels kBaselineKernels = {"baseline", baseline::forward, baseline::backward, baseline::gather};
}
