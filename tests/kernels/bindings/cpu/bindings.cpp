// The CPU kernels on NumPy arrays, with what the operators leave to a cost model open to choice: for tests and kernel
// benchmarks.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "kernels/cpu/roi_spp_cpu.h"
#include "kernels/cpu/target.h"

namespace py = pybind11;

namespace {

using spp::cpu::Reading;
using spp::cpu::TargetKernels;

void require(bool condition, const std::string& message) {
  if (!condition) throw std::invalid_argument(message);
}

const TargetKernels& target_named(const std::string& name) {
  require(spp::cpu::set_target(name.c_str()), "target: this processor has no '" + name + "'");
#if defined(__x86_64__)
  for (const TargetKernels* target : {&spp::cpu::kAvx512Kernels, &spp::cpu::kAvx2Kernels}) {
    if (name == target->name) return *target;
  }
#endif
  return spp::cpu::kBaselineKernels;
}

Reading reading_named(const std::string& name) {
  if (name == "cells") return Reading::kCells;
  if (name == "tables") return Reading::kTables;
  if (name == "windows") return Reading::kWindows;
  require(name == "auto", "reading: expected 'auto', 'cells', 'tables' or 'windows', got '" + name + "'");
  return Reading::kAuto;
}

spp::cpu::Parallel plain_threads(int count) {
  return {count, [](int workers, const std::function<void(int)>& body) {
            std::vector<std::thread> threads;
            for (int i = 0; i < workers; ++i) threads.emplace_back(body, i);
            for (std::thread& thread : threads) thread.join();
          }};
}

// Returns output, indices and how many windows were read from tables.
// features [N, C, H, W] float32, any strides; rois [R, 5] float32; levels are rows, columns, rows, columns, ...
py::tuple forward(py::array_t<float> features, py::array_t<float, py::array::c_style | py::array::forcecast> rois,
                  const std::vector<int64_t>& levels, const std::vector<double>& projection, const std::string& target,
                  const std::string& reading, int threads) {
  require(features.ndim() == 4, "features: expected [N, C, H, W]");
  require(rois.ndim() == 2 && rois.shape(1) == 5, "rois: expected [R, 5]");
  require(projection.size() == spp::kProjectionNumbers, "projection: expected 17 numbers");
  require(!levels.empty() && levels.size() % 2 == 0 && levels.size() <= 2 * spp::kMaxLevels, "levels: expected pairs");
  require(threads > 0, "threads: expected a positive number");
  const auto stride = [&](int dim) { return features.strides(dim) / static_cast<py::ssize_t>(sizeof(float)); };

  spp::ForwardArgs args{};
  args.maps[0] = {features.data(),
                  stride(0),
                  stride(1),
                  stride(2),
                  stride(3),
                  static_cast<int32_t>(features.shape(2)),
                  static_cast<int32_t>(features.shape(3)),
                  spp::projection_from_numbers(projection.data())};
  args.map_count = 1;
  args.images = static_cast<int32_t>(features.shape(0));
  args.channels = features.shape(1);
  args.boxes = {rois.data(), spp::DataType::kFloat32, 5, 1, nullptr, 0.0, rois.shape(0)};
  args.pyramid = spp::make_pyramid(levels.data(), static_cast<int32_t>(levels.size() / 2));
  args.index_type = spp::IndexType::kInt32;
  args.output_stride = args.channels * args.pyramid.bins;
  py::array_t<float> output({static_cast<int64_t>(rois.shape(0)), args.output_stride});
  py::array_t<int32_t> indices({static_cast<int64_t>(rois.shape(0)), args.output_stride});
  args.output = output.mutable_data();
  args.indices = indices.mutable_data();

  const spp::cpu::Parallel parallel = plain_threads(threads);
  const spp::cpu::Plan plan = spp::cpu::make_plan(args, parallel, reading_named(reading));
  require(plan.bad_row < 0, "rois: row " + std::to_string(plan.bad_row) + " is bad");
  target_named(target).forward(args, plan, parallel);
  const int64_t from_tables = std::count(plan.from_tables.begin(), plan.from_tables.end(), 1);
  return py::make_tuple(output, indices, from_tables);
}

}  // namespace

PYBIND11_MODULE(spp_cpu_kernels, m) {
  m.def("forward", &forward, py::arg("features"), py::arg("rois"), py::arg("levels"), py::arg("projection"),
        py::kw_only(), py::arg("target"), py::arg("reading") = "auto", py::arg("threads") = 1);
}
