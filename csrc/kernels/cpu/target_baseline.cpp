// Any processor.
#include "target_headers.h"

#define SPP_LEVEL baseline
#define SPP_VECTOR_BYTES 16
#include "target_kernels-inl.h"

namespace spp::cpu {
const LevelKernels kBaselineKernels = {"baseline", baseline::forward, baseline::backward, baseline::gather};
}
