#include "global_memory.h"

#include <cstdint>
#include <string>
#include <vector>

#include "block.h"

namespace spp::cuda_host {
namespace {

struct Array {
  uintptr_t begin;
  uintptr_t end;
  bool writable;
};

std::vector<Array>& arrays() {
  static std::vector<Array> known;
  return known;
}

}  // namespace

GlobalArrays::GlobalArrays() { arrays().clear(); }
GlobalArrays::~GlobalArrays() { arrays().clear(); }

void GlobalArrays::add(const void* begin, const void* end, bool writable) {
  arrays().push_back({reinterpret_cast<uintptr_t>(begin), reinterpret_cast<uintptr_t>(end), writable});
}

void check_global(const void* address, size_t bytes, bool write) {
  const auto begin = reinterpret_cast<uintptr_t>(address);
  const std::string what = std::to_string(bytes) + " bytes of global memory " + (write ? "written" : "read");
  if (begin % bytes != 0) Block::running->fail(what + " at once, misaligned");
  for (const Array& array : arrays()) {
    if (array.begin <= begin && begin + bytes <= array.end && (array.writable || !write)) return;
  }
  if (!arrays().empty()) Block::running->fail(what + " at once, not within an array of the call");
}

}  // namespace spp::cuda_host
