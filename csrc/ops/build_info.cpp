// What was built and what runs: the facts a bug report needs, as JSON; and the switches between builds of the CPU
// kernels and between their ways of reading bins.
#include <torch/csrc/stable/library.h>
#include <torch/headeronly/version.h>

#include <sstream>
#include <string>

#include "../kernels/cpu/roi_spp_cpu.h"

namespace spp::ops {
namespace {

#define SPP_TEXT_OF(x) #x
#define SPP_TEXT(x) SPP_TEXT_OF(x)

std::string build_info() {
  std::ostringstream json;
  json << "{\"cpu_level\": \"" << cpu::target_name() << "\", \"cpu_reading\": \"" << cpu::reading_name()
       << "\", \"compiler\": \"" << __VERSION__ << "\", \"torch_built_with\": \"" << TORCH_VERSION << "\", \"cuda\": ";
#if defined(SPP_CUDA_VERSION)
  json << "\"" SPP_TEXT(SPP_CUDA_VERSION) "\", \"cuda_archs\": \"" SPP_TEXT(SPP_CUDA_ARCHS) "\"";
#else
  json << "null, \"cuda_archs\": \"\"";
#endif
  json << "}";
  return json.str();
}

bool set_cpu_level(std::string name) { return cpu::set_target(name.c_str()); }

bool set_cpu_reading(std::string name) { return cpu::set_reading(name.c_str()); }

}  // namespace
}  // namespace spp::ops

STABLE_TORCH_LIBRARY_IMPL(spp_ops, CompositeExplicitAutograd, m) {
  m.impl("build_info", TORCH_BOX(&spp::ops::build_info));
  m.impl("set_cpu_level", TORCH_BOX(&spp::ops::set_cpu_level));
  m.impl("set_cpu_reading", TORCH_BOX(&spp::ops::set_cpu_reading));
}
