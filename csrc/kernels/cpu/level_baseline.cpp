// Any processor.
#include "level_headers.h"

#define SPP_LEVEL baseline
#define SPP_VECTOR_BYTES 16
#include "kernels.h"

namespace spp::cpu {
const LevelKernels kBaselineKernels = {"baseline", baseline::forward, baseline::backward, baseline::gather};
}
