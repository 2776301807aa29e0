// Kernels with known mistakes: what the stand-in must find.
#pragma once

#include <string>

namespace spp::cuda_host {

// Runs the kernel of that name; std::invalid_argument where there is none. See faults.cu for the names.
void run_faulty_kernel(const std::string& name);

}  // namespace spp::cuda_host
