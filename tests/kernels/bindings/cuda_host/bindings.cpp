// Python module: the CUDA kernels, run on the host, on NumPy arrays. bfloat16 travels as uint16 arrays of its bits.
#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

#include "block.h"
#include "cuda_runtime.h"
#include "faults.h"
#include "roi_spp_cuda.h"
#include "spans.h"

namespace py = pybind11;

namespace spp::cuda_host {
namespace {

using Levels = std::vector<std::pair<int64_t, int64_t>>;

constexpr py::ssize_t kGuardRows = 64;
constexpr int kGarbage = 0xA5;  // what no kernel has written shows

Pyramid pyramid_of(const Levels& levels) {
  std::vector<int64_t> numbers;
  for (const auto& [rows, columns] : levels) numbers.insert(numbers.end(), {rows, columns});
  return make_pyramid(numbers.data(), static_cast<int32_t>(levels.size()));
}

int64_t stride(const py::array& array, int axis) { return array.strides(axis) / array.itemsize(); }

FeatureMap map_of(const py::array& array) {
  return {array.data(),
          stride(array, 0),
          stride(array, 1),
          stride(array, 2),
          stride(array, 3),
          static_cast<int32_t>(array.shape(2)),
          static_cast<int32_t>(array.shape(3)),
          {}};
}

py::array garbage(const py::dtype& type, std::vector<py::ssize_t> shape) {
  py::array array(type, std::move(shape));
  if (array.nbytes() > 0) std::memset(array.mutable_data(), kGarbage, array.nbytes());
  return array;
}

// From the first to the last element of an array, whatever its strides.
void add(GlobalArrays& arrays, const py::array& array, bool writable) {
  const auto* first = static_cast<const char*>(array.data());
  const auto* last = first;
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
    if (array.shape(axis) == 0) return;
    const py::ssize_t reach = array.strides(axis) * (array.shape(axis) - 1);
    (reach < 0 ? first : last) += reach;
  }
  arrays.add(first, last + array.itemsize(), writable);
}

// Exactly as large as asked for, so that AddressSanitizer sees what lies beyond.
class Scratch {
 public:
  Scratch(size_t bytes, GlobalArrays& arrays) {
    const size_t whole =
        (bytes + cuda::kWorkspaceAlignment - 1) / cuda::kWorkspaceAlignment * cuda::kWorkspaceAlignment;
    if (bytes == 0) return;
    bytes_ = bytes;
    memory_ = std::aligned_alloc(cuda::kWorkspaceAlignment, whole);
    std::memset(memory_, settings().scratch_byte, whole);
    arrays.add(memory_, static_cast<char*>(memory_) + bytes, true);
  }
  ~Scratch() {
    const auto* bytes = static_cast<const unsigned char*>(memory_);
    untouched() = std::count(bytes, bytes + bytes_, static_cast<unsigned char>(settings().scratch_byte));
    std::free(memory_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* data() const { return memory_; }

  // Bytes of the last one that no kernel had written when it was given back.
  static int64_t& untouched() {
    static int64_t bytes = 0;
    return bytes;
  }

 private:
  void* memory_ = nullptr;
  size_t bytes_ = 0;
};

// `index`: None, or the dtype of the indices. `gap`: elements between the output's rows; `offset`: before the first
// one. `into`: where the output goes; None: to memory of its own.
py::tuple forward_into(const py::object& into, const std::vector<py::array>& maps, int type,
                       const std::vector<std::vector<double>>& projections, const py::array& boxes, int box_type,
                       const std::optional<py::array_t<int64_t>>& map_index, double target_area, const Levels& levels,
                       const py::object& index, int64_t gap, int64_t offset) {
  ForwardArgs args{};
  for (size_t m = 0; m < maps.size(); ++m) {
    args.maps[m] = map_of(maps[m]);
    args.maps[m].projection = projection_from_numbers(projections.at(m).data());
  }
  args.map_count = static_cast<int32_t>(maps.size());
  args.images = static_cast<int32_t>(maps[0].shape(0));
  args.channels = maps[0].shape(1);
  args.type = static_cast<DataType>(type);
  args.boxes = {boxes.data(),     static_cast<DataType>(box_type),         stride(boxes, 0),
                stride(boxes, 1), map_index ? map_index->data() : nullptr, target_area,
                boxes.shape(0)};
  args.pyramid = pyramid_of(levels);
  const py::ssize_t rows = boxes.shape(0);
  const py::ssize_t row_size = args.channels * args.pyramid.bins;
  const py::array memory = garbage(maps[0].dtype(), {offset + rows * (row_size + gap)});
  const py::ssize_t bytes = memory.itemsize();
  py::array output = into.is_none() ? py::array(memory.dtype(), std::vector<py::ssize_t>{rows, row_size},
                                                std::vector<py::ssize_t>{(row_size + gap) * bytes, bytes},
                                                static_cast<const char*>(memory.data()) + offset * bytes, memory)
                                    : py::array(into);
  args.output = output.mutable_data();
  args.output_stride = stride(output, 0);
  py::array indices = garbage(index.is_none() ? py::dtype("int32") : py::dtype::from_args(index), {rows, row_size});
  if (!index.is_none()) args.indices = indices.mutable_data();
  args.index_type = indices.itemsize() == 2 ? IndexType::kUInt16 : IndexType::kInt32;
  // With room behind the last row, to see whether it is written.
  const py::array source_memory = garbage(py::dtype("int32"), {rows + kGuardRows});
  const py::array before = garbage(py::dtype("int32"), {kGuardRows});
  py::array sources(source_memory.dtype(), std::vector<py::ssize_t>{rows}, std::vector<py::ssize_t>{4},
                    source_memory.data(), source_memory);
  args.sources = index.is_none() ? nullptr : static_cast<int32_t*>(sources.mutable_data());
  GlobalArrays arrays;
  for (const py::array& map : maps) add(arrays, map, false);
  add(arrays, output, true);
  add(arrays, indices, true);
  const Scratch workspace(cuda::forward_workspace_bytes(args), arrays);
  run_call([&] { cuda::forward(args, workspace.data(), stream()); });
  if (std::memcmp(static_cast<const int32_t*>(source_memory.data()) + rows, before.data(), before.nbytes()) != 0) {
    throw std::runtime_error("sources are written past the last row");
  }
  return py::make_tuple(output, indices, sources);
}

py::tuple forward(const std::vector<py::array>& maps, int type, const std::vector<std::vector<double>>& projections,
                  const py::array& boxes, int box_type, const std::optional<py::array_t<int64_t>>& map_index,
                  double target_area, const Levels& levels, const py::object& index, int64_t gap, int64_t offset) {
  return forward_into(py::none(), maps, type, projections, boxes, box_type, map_index, target_area, levels, index, gap,
                      offset);
}

std::vector<py::array> backward(const py::array& grad_output, int type, const py::array& indices,
                                const py::array_t<int32_t>& sources, const Levels& levels,
                                const std::vector<std::pair<int, int>>& sizes, int images, int64_t channels,
                                bool deterministic, const std::vector<bool>& channels_last) {
  BackwardArgs args{};
  args.grad_output = grad_output.data();
  args.grad_row_stride = stride(grad_output, 0);
  args.grad_column_stride = stride(grad_output, 1);
  args.indices = indices.data();
  args.index_type = indices.itemsize() == 2 ? IndexType::kUInt16 : IndexType::kInt32;
  args.sources = sources.data();
  args.count = grad_output.shape(0);
  args.pyramid = pyramid_of(levels);
  std::vector<py::array> gradients;
  for (size_t m = 0; m < sizes.size(); ++m) {
    args.channels_last[m] = !channels_last.empty() && channels_last[m];
    gradients.push_back(args.channels_last[m]
                            ? garbage(grad_output.dtype(), {images, sizes[m].first, sizes[m].second, channels})
                            : garbage(grad_output.dtype(), {images, channels, sizes[m].first, sizes[m].second}));
    args.grad_maps[m] = gradients.back().mutable_data();
    args.heights[m] = sizes[m].first;
    args.widths[m] = sizes[m].second;
  }
  args.map_count = static_cast<int32_t>(sizes.size());
  args.images = images;
  args.channels = channels;
  args.type = static_cast<DataType>(type);
  args.deterministic = deterministic;
  GlobalArrays arrays;
  add(arrays, grad_output, false);
  add(arrays, indices, false);
  for (const py::array& gradient : gradients) add(arrays, gradient, true);
  const Scratch workspace(cuda::backward_workspace_bytes(args), arrays);
  run_call([&] { cuda::backward(args, workspace.data(), stream()); });
  for (size_t m = 0; m < sizes.size(); ++m) {
    if (args.channels_last[m]) gradients[m] = gradients[m].attr("transpose")(0, 3, 1, 2);
  }
  return gradients;
}

py::array gather(const std::vector<py::array>& maps, int type, const py::array& indices,
                 const py::array_t<int32_t>& sources, const Levels& levels) {
  GatherArgs args{};
  for (size_t m = 0; m < maps.size(); ++m) args.maps[m] = map_of(maps[m]);
  args.map_count = static_cast<int32_t>(maps.size());
  args.images = static_cast<int32_t>(maps[0].shape(0));
  args.channels = maps[0].shape(1);
  args.type = static_cast<DataType>(type);
  args.indices = indices.data();
  args.index_type = indices.itemsize() == 2 ? IndexType::kUInt16 : IndexType::kInt32;
  args.sources = sources.data();
  args.count = indices.shape(0);
  args.pyramid = pyramid_of(levels);
  py::array output = garbage(maps[0].dtype(), {indices.shape(0), indices.shape(1)});
  args.output = output.mutable_data();
  run_call([&] { cuda::gather(args, stream()); });
  return output;
}

void configure(bool random_order, uint64_t seed, bool watch_races, int multiprocessors, int max_shared_bytes,
               int max_grid_x, int max_grid_y, int device_version, int code_version, bool capturing, int scratch_byte) {
  settings() = {random_order, seed,           watch_races,  multiprocessors, max_shared_bytes, max_grid_x,
                max_grid_y,   device_version, code_version, capturing,       scratch_byte};
}

// First row of each source, and rows after its last one.
py::array find_spans(const py::array_t<int32_t>& sources, int64_t source_count) {
  const py::array spans = garbage(py::dtype("uint64"), {source_count, 2});
  run_call([&] {
    cuda::find_spans(
        {sources.data(), source_count, sources.shape(0), static_cast<uint64_t*>(const_cast<void*>(spans.data()))},
        stream());
  });
  return spans;
}

// What the launches since the last time asked for.
std::vector<Launch> take_launches() { return std::exchange(launches(), {}); }

}  // namespace

PYBIND11_MODULE(spp_cuda_host, module) {
  using namespace py::literals;
  const Settings usual;
  module.def("configure", &configure, py::kw_only(), "random_order"_a = usual.random_order, "seed"_a = usual.seed,
             "watch_races"_a = usual.watch_races, "multiprocessors"_a = usual.multiprocessors,
             "max_shared_bytes"_a = usual.max_shared_bytes, "max_grid_x"_a = usual.max_grid_x,
             "max_grid_y"_a = usual.max_grid_y, "device_version"_a = usual.device_version,
             "code_version"_a = usual.code_version, "capturing"_a = usual.capturing,
             "scratch_byte"_a = usual.scratch_byte);
  py::class_<Launch>(module, "Launch")
      .def_readonly("grid_x", &Launch::grid_x)
      .def_readonly("grid_y", &Launch::grid_y)
      .def_readonly("threads", &Launch::threads)
      .def_readonly("shared_bytes", &Launch::shared_bytes)
      .def_readonly("carve_out", &Launch::carve_out)
      .def_readonly("early", &Launch::early);
  module.def("untouched_workspace_bytes", [] { return Scratch::untouched(); });
  module.def("find_spans", &find_spans, "sources"_a, "source_count"_a);
  module.def("take_launches", &take_launches);
  module.def("last_error", [] { return std::string(cudaGetErrorName(cudaPeekAtLastError())); });
  module.def("forward", &forward, "maps"_a, "type"_a, "projections"_a, "boxes"_a, "box_type"_a, "map_index"_a,
             "target_area"_a, "levels"_a, "index"_a, "gap"_a = 0, "offset"_a = 0);
  module.def("forward_into", &forward_into, "into"_a, "maps"_a, "type"_a, "projections"_a, "boxes"_a, "box_type"_a,
             "map_index"_a, "target_area"_a, "levels"_a, "index"_a, "gap"_a = 0, "offset"_a = 0);
  module.def("backward", &backward, "grad_output"_a, "type"_a, "indices"_a, "sources"_a, "levels"_a, "sizes"_a,
             "images"_a, "channels"_a, "deterministic"_a, "channels_last"_a = std::vector<bool>{});
  module.def("gather", &gather, "maps"_a, "type"_a, "indices"_a, "sources"_a, "levels"_a);
  module.def(
      "run_faulty_kernel", [](const std::string& name) { run_call([&] { run_faulty_kernel(name); }); }, "name"_a);
}

}  // namespace spp::cuda_host
