// Finds objects in an image by a package that prepare.py made; no Python is started.
//
//   run_detector PACKAGE IMAGE.ppm WINDOWS.txt OPERATORS...
//
// WINDOWS.txt has a window a line, x1 y1 x2 y2; it is empty for a detector that proposes its own. OPERATORS are the
// libraries of the operators that the package calls: spp_ops/_C.abi3.so and torchvision's _C.so. What is found is
// printed, a line an object: label, score, x1, y1, x2, y2.
#include <ATen/ATen.h>
#include <dlfcn.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include <exception>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

void load_operators(const std::string& library) {
  // Lazily: the library's entry point for Python needs symbols that are not here, but is never called.
  if (dlopen(library.c_str(), RTLD_LAZY | RTLD_GLOBAL) == nullptr) throw std::runtime_error(dlerror());
}

// uint8 [H, W, 3] of a binary PPM file without comments.
at::Tensor read_image(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string kind;
  int64_t width = 0, height = 0, largest = 0;
  file >> kind >> width >> height >> largest;
  file.get();  // the one space before the pixels
  if (!file || kind != "P6" || largest != 255 || width < 1 || height < 1)
    throw std::runtime_error(path + ": expected a binary PPM image of 8 bits");
  at::Tensor pixels = at::empty({height, width, 3}, at::kByte);
  file.read(static_cast<char*>(pixels.data_ptr()), pixels.numel());
  if (!file) throw std::runtime_error(path + ": the file ends before its pixels do");
  return pixels;
}

// float32 [R, 4].
at::Tensor read_windows(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  std::vector<float> numbers;
  for (float number; file >> number;) numbers.push_back(number);
  if (!file.eof() || numbers.size() % 4 != 0) throw std::runtime_error(path + ": expected four numbers a line");
  return at::tensor(numbers, at::kFloat).view({-1, 4});
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 5) throw std::runtime_error("usage: run_detector PACKAGE IMAGE.ppm WINDOWS.txt OPERATORS...");
  for (int i = 4; i < argc; ++i) load_operators(argv[i]);
  torch::inductor::AOTIModelPackageLoader detector(argv[1]);
  std::vector<at::Tensor> inputs{read_image(argv[2])};
  const at::Tensor windows = read_windows(argv[3]);
  if (windows.size(0) > 0) inputs.push_back(windows);
  const std::vector<at::Tensor> found = detector.run(inputs);
  const auto boxes = found.at(0).accessor<float, 2>();
  const auto scores = found.at(1).accessor<float, 1>();
  const auto labels = found.at(2).accessor<int64_t, 1>();
  std::cout << std::setprecision(9);
  for (int64_t i = 0; i < boxes.size(0); ++i) {
    std::cout << labels[i] << ' ' << scores[i];
    for (int64_t side = 0; side < 4; ++side) std::cout << ' ' << boxes[i][side];
    std::cout << '\n';
  }
  return 0;
} catch (const std::exception& error) {
  std::cerr << "run_detector: " << error.what() << '\n';
  return 1;
}
