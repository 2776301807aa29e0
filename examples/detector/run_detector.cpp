// Finds objects in an image by a detector that `spp-ops export --format openvino` wrote; no Python, PyTorch or spp_ops.
//
//   run_detector DETECTOR.xml IMAGE.ppm WINDOWS.txt
//
// WINDOWS.txt has a window a line, x1 y1 x2 y2; it is not read for a detector that proposes its own. What is found is
// printed, a line an object: label, score, x1, y1, x2, y2.
#include <algorithm>
#include <exception>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <openvino/openvino.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

// uint8 [H, W, 3] of a binary PPM file without comments.
ov::Tensor read_image(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string kind;
  int width = 0, height = 0, largest = 0;
  file >> kind >> width >> height >> largest;
  file.get();  // the one space before the pixels
  if (!file || kind != "P6" || largest != 255 || width < 1 || height < 1)
    throw std::runtime_error(path + ": expected a binary PPM image of 8 bits");
  ov::Tensor pixels(ov::element::u8, {static_cast<size_t>(height), static_cast<size_t>(width), 3});
  file.read(reinterpret_cast<char*>(pixels.data<uint8_t>()), static_cast<std::streamsize>(pixels.get_byte_size()));
  if (!file) throw std::runtime_error(path + ": the file ends before its pixels do");
  return pixels;
}

// float32 [R, 4].
ov::Tensor read_windows(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  std::vector<float> numbers;
  for (float number; file >> number;) numbers.push_back(number);
  if (!file.eof() || numbers.size() % 4 != 0) throw std::runtime_error(path + ": expected four numbers a line");
  ov::Tensor windows(ov::element::f32, {numbers.size() / 4, 4});
  std::copy(numbers.begin(), numbers.end(), windows.data<float>());
  return windows;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 4) throw std::runtime_error("usage: run_detector DETECTOR.xml IMAGE.ppm WINDOWS.txt");
  ov::Core core;
  // Without the hint processors with bfloat16 round to it.
  ov::CompiledModel detector =
      core.compile_model(std::string(argv[1]), "CPU", ov::hint::inference_precision(ov::element::f32));
  ov::InferRequest request = detector.create_infer_request();
  request.set_tensor("image", read_image(argv[2]));
  if (detector.inputs().size() > 1) request.set_tensor("windows", read_windows(argv[3]));
  request.infer();
  const ov::Tensor boxes = request.get_tensor("boxes");
  const float* box = boxes.data<float>();
  const float* score = request.get_tensor("scores").data<float>();
  const int64_t* label = request.get_tensor("labels").data<int64_t>();
  std::cout << std::setprecision(9);
  for (size_t i = 0; i < boxes.get_shape()[0]; ++i) {
    std::cout << label[i] << ' ' << score[i];
    for (size_t side = 0; side < 4; ++side) std::cout << ' ' << box[4 * i + side];
    std::cout << '\n';
  }
  return 0;
} catch (const std::exception& error) {
  std::cerr << "run_detector: " << error.what() << '\n';
  return 1;
}
