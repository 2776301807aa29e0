// Watches global memory: whole vectors must begin on their boundary and lie within the arrays of the call.
//
// AddressSanitizer sees every access, but not one that stays within an allocation and yet leaves the caller's array,
// and it runs in some of the tests only.
#pragma once

#include <cstddef>

namespace spp::cuda_host {

// Throws std::runtime_error where the running thread may not access these bytes at once.
void check_global(const void* address, size_t bytes, bool write);

// The arrays of one call, known as long as this lives. While none is known every address will do.
class GlobalArrays {
 public:
  GlobalArrays();
  ~GlobalArrays();
  GlobalArrays(const GlobalArrays&) = delete;
  GlobalArrays& operator=(const GlobalArrays&) = delete;

  void add(const void* begin, const void* end, bool writable);
};

}  // namespace spp::cuda_host
