// Runs a package made by export_net.py; no Python is started.
//
//   run_net EXTENSION PACKAGE IMAGES ROIS OUTPUT
//
// EXTENSION is spp_ops/_C.abi3.so: loading it registers the operators. IMAGES and ROIS are tensors written by
// torch.save; OUTPUT is read by torch.load.
#include <dlfcn.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>
#include <torch/serialize.h>

#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

void load_operators(const std::string& library) {
  // Lazily: the library's entry point for Python needs symbols that are not here, but is never called.
  if (dlopen(library.c_str(), RTLD_LAZY | RTLD_GLOBAL) == nullptr) throw std::runtime_error(dlerror());
}

at::Tensor read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return torch::pickle_load(bytes).toTensor();
}

void write(const std::string& path, const at::Tensor& tensor) {
  const std::vector<char> bytes = torch::pickle_save(tensor);
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error(path + ": cannot be written");
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 6) throw std::runtime_error("usage: run_net EXTENSION PACKAGE IMAGES ROIS OUTPUT");
  load_operators(argv[1]);
  torch::inductor::AOTIModelPackageLoader net(argv[2]);
  const at::Tensor scores = net.run({read(argv[3]), read(argv[4])}).at(0);
  std::cout << "scores of " << scores.size(0) << " regions in " << scores.size(1) << " classes\n";
  write(argv[5], scores);
  return 0;
} catch (const std::exception& error) {
  std::cerr << "run_net: " << error.what() << '\n';
  return 1;
}
