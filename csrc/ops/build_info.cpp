// What was built and what runs: the facts a bug report needs, as JSON; and the switches between builds of the CPU
// kernels and between their ways of reading bins.
#include <torch/csrc/stable/library.h>
#include <torch/headeronly/version.h>

#include <cstdint>
#include <limits>
#include <sstream>
#include <string>

#include "../kernels/cpu/roi_spp_cpu.h"
#include "../kernels/roi_spp.h"
#include "limits.h"

namespace spp::ops {
namespace {

std::string build_info() {
  std::ostringstream json;
  json << "{\"cpu_level\": \"" << cpu::target_name() << "\", \"cpu_reading\": \"" << cpu::reading_name()
       << "\", \"compiler\": \"" << __VERSION__ << "\", \"torch_built_with\": \"" << TORCH_VERSION
       << "\", \"limits\": {\"levels\": " << kMaxLevels << ", \"maps\": " << kMaxMaps << ", \"bins\": " << kMostBins
       << ", \"cells\": " << std::numeric_limits<int32_t>::max() << ", \"cells_16\": " << kMaxCells16
       << ", \"projection_numbers\": " << kProjectionNumbers << ", \"shift\": " << kLargestShift
       << ", \"number\": " << kLargestNumber << "}}";
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
