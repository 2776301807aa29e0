// The simplest kernels that are wrong in one way each, and sound ones beside them.
#include <map>
#include <stdexcept>
#include <vector>

#include "faults.h"
#include "kernels/cuda/bin_edges.h"
#include "kernels/cuda/shared.h"

namespace spp::cuda_host {
namespace {

using cuda::Shared;
using cuda::SharedArena;

constexpr int kThreads = 64;

struct NoArgs {};

__device__ Shared<int32_t> numbers() {
  SharedArena arena;
  return arena.take<int32_t>(kThreads);
}

__device__ int32_t own() { return static_cast<int32_t>(threadIdx.x); }
__device__ int32_t next_of_warp() { return own() / kWarp * kWarp + (own() + 1) % kWarp; }

__global__ void reverse_without_barrier(const __grid_constant__ NoArgs) {
  numbers()[own()] = own();
  numbers()[own()] = static_cast<int32_t>(numbers()[kThreads - 1 - own()]);
}

__global__ void reverse(const __grid_constant__ NoArgs) {
  numbers()[own()] = own();
  __syncthreads();
  const int32_t other = numbers()[kThreads - 1 - own()];
  __syncthreads();
  numbers()[own()] = other;
}

__global__ void rotate_warp(const __grid_constant__ NoArgs) {
  numbers()[own()] = own();
  __syncwarp();
  if (numbers()[next_of_warp()] != next_of_warp()) Block::running->fail("a wrong number came");
}

// A barrier of the warp does not order what other warps do.
__global__ void reverse_with_warp_barrier(const __grid_constant__ NoArgs) {
  numbers()[own()] = own();
  __syncwarp();
  if (numbers()[kThreads - 1 - own()] < 0) Block::running->fail("a wrong number came");
}

// An exchange between lanes orders no accesses to memory.
__global__ void rotate_with_shuffle_only(const __grid_constant__ NoArgs) {
  numbers()[own()] = own();
  __shfl_sync(0xFFFFFFFFu, own(), 0);
  if (numbers()[next_of_warp()] < 0) Block::running->fail("a wrong number came");
}

__global__ void read_then_write_without_barrier(const __grid_constant__ NoArgs) {
  if (own() == 0) numbers()[0] = 1;
  __syncthreads();
  const int32_t seen = numbers()[0];
  if (own() == kThreads - 1) numbers()[0] = seen + 1;
}

__global__ void count_atomically(const __grid_constant__ NoArgs) {
  if (own() == 0) numbers()[0] = 0;
  __syncthreads();
  numbers().atomic_add(0, 1);
  __syncthreads();
  if (numbers()[0] != kThreads) Block::running->fail("a wrong count");
}

__global__ void count_without_atomics(const __grid_constant__ NoArgs) {
  if (own() == 0) numbers()[0] = 0;
  __syncthreads();
  numbers()[0] = numbers()[0] + 1;
}

__global__ void atomic_beside_plain_read(const __grid_constant__ NoArgs) {
  if (own() == 0) numbers()[0] = 0;
  __syncthreads();
  if (own() < kWarp) {
    numbers().atomic_add(0, 1);
  } else if (numbers()[0] < 0) {
    Block::running->fail("a wrong number came");
  }
}

__global__ void one_past_the_span(const __grid_constant__ NoArgs) { numbers()[own() + 1] = 0; }

__global__ void more_than_the_launch_gave(const __grid_constant__ NoArgs) {
  SharedArena arena;
  arena.take<int32_t>(kThreads);
  arena.take<int32_t>(kThreads)[own()] = 0;
}

__global__ void barrier_in_a_branch(const __grid_constant__ NoArgs) {
  if (own() < kWarp) __syncthreads();
}

__global__ void different_barriers(const __grid_constant__ NoArgs) {
  if (own() == 0) {
    __syncthreads();
  } else {
    __syncwarp();
  }
}

__global__ void vote_in_a_branch(const __grid_constant__ NoArgs) {
  if (own() % 2 == 0) __any_sync(0xFFFFFFFFu, 1);
}

__global__ void votes(const __grid_constant__ NoArgs) {
  const unsigned even = __ballot_sync(0xFFFFFFFFu, own() % 2 == 0);
  if (even != 0x55555555u || __all_sync(0xFFFFFFFFu, own() < 7) || !__any_sync(0xFFFFFFFFu, own() % kWarp == 7)) {
    Block::running->fail("a wrong vote");
  }
  if (__shfl_sync(0xFFFFFFFFu, 2.5 * own(), 3) != 2.5 * (own() / kWarp * kWarp + 3))
    Block::running->fail("a wrong number came");
}

__global__ void divisions(const __grid_constant__ NoArgs) {
  for (int32_t divisor : {1, 2, 3, 5, 7, 36, 63, 64, 65, 1000, 65535, 65537, 1 << 30, INT32_MAX}) {
    const cuda::Divider divide(static_cast<uint32_t>(divisor));
    for (int64_t number :
         {int64_t{own()}, int64_t{own()} * divisor - 1, int64_t{own()} * divisor, INT32_MAX - int64_t{own()}}) {
      if (number < 0 || number > INT32_MAX) continue;
      if (divide(static_cast<int32_t>(number)) != number / divisor) Block::running->fail("a wrong quotient");
    }
  }
}

// Up to the last product that 31 bits hold, and beyond.
__global__ void edges_of_bins(const __grid_constant__ NoArgs) {
  for (int32_t bins : {1, 2, 3, 6, 7, 90, 1000}) {
    const cuda::Divider by(static_cast<uint32_t>(bins));
    for (int64_t extent :
         {int64_t{0}, int64_t{own()}, INT32_MAX / bins + int64_t{own()} - 32, (int64_t{1} << 31) - 1}) {
      for (int32_t index : {0, bins / 2, bins - 1}) {
        const Range found = cuda::bin_range_by(by, own() - 9, extent, bins, index, INT32_MAX);
        const Range right = bin_range(own() - 9, extent, bins, index, INT32_MAX);
        if (found.begin != right.begin || found.end != right.end) Block::running->fail("a wrong bin");
      }
    }
  }
}

__global__ void rows_of_items(const __grid_constant__ NoArgs) {
  for (int64_t rows : {int64_t{1}, int64_t{1000}, INT32_MAX / 36 + int64_t{1}, int64_t{1} << 40}) {
    const cuda::RowItems items(rows, 36);
    for (int64_t i : {int64_t{own()} % (36 * rows), 36 * rows - 1 - own() % 36}) {
      const int64_t row = items.row(i);
      if (row != i / 36 || items.item(i, row) != i % 36) Block::running->fail("a wrong row or item");
    }
  }
}

// What one kernel writes and the next one, begun early, reads.
int32_t handed_over = 0;

__global__ void hand_over(const __grid_constant__ NoArgs) { handed_over = 1; }

__global__ void waits_then_reads(const __grid_constant__ NoArgs) {
  cuda::wait_for_earlier_kernels();
  if (handed_over != 1) Block::running->fail("a wrong number came");
}

__global__ void reads_then_waits(const __grid_constant__ NoArgs) {
  const int32_t found = handed_over;
  cuda::wait_for_earlier_kernels();
  if (found != 1) Block::running->fail("a wrong number came");
}

__global__ void waits_but_for_one_thread(const __grid_constant__ NoArgs) {
  if (own() > 0) cuda::wait_for_earlier_kernels();
}

// For the sanitizers, which end the process.
__global__ void past_the_heap(const __grid_constant__ NoArgs) {
  const std::vector<int32_t> heap(kThreads);
  const int32_t* data = heap.data();
  if (data[own() + 1] < 0) Block::running->fail("a wrong number came");
}

__global__ void past_the_stack_of_a_fiber(const __grid_constant__ NoArgs) {
  volatile int32_t local[4] = {};
  __syncthreads();
  volatile int32_t* first = local;
  first[own()] = own();
  if (local[0] < 0) Block::running->fail("a wrong number came");
}

__global__ void integer_overflow(const __grid_constant__ NoArgs) {
  volatile int32_t number = INT32_MAX;
  number = number + own();
}

__global__ void vector_off_its_boundary(const __grid_constant__ NoArgs) {
  alignas(16) const uint32_t words[8] = {};
  const auto* four = reinterpret_cast<const uint4*>(words + 1);
  if (cuda::load_constant(four).x != 0) Block::running->fail("a wrong number came");
}

uint2 pairs[2];  // of which calls know the first, to be read

__global__ void vector_past_the_array(const __grid_constant__ NoArgs) {
  if (cuda::load_constant(pairs + 1).x != 0) Block::running->fail("a wrong number came");
}

__global__ void write_to_an_input(const __grid_constant__ NoArgs) { cuda::store_streaming(pairs, {1, 2}); }

using Kernel = void (*)(NoArgs);

const std::map<std::string, Kernel>& kernels() {
  static const std::map<std::string, Kernel> all = {
      {"reverse_without_barrier", reverse_without_barrier},
      {"reverse", reverse},
      {"rotate_warp", rotate_warp},
      {"reverse_with_warp_barrier", reverse_with_warp_barrier},
      {"rotate_with_shuffle_only", rotate_with_shuffle_only},
      {"read_then_write_without_barrier", read_then_write_without_barrier},
      {"count_atomically", count_atomically},
      {"count_without_atomics", count_without_atomics},
      {"atomic_beside_plain_read", atomic_beside_plain_read},
      {"one_past_the_span", one_past_the_span},
      {"more_than_the_launch_gave", more_than_the_launch_gave},
      {"barrier_in_a_branch", barrier_in_a_branch},
      {"different_barriers", different_barriers},
      {"vote_in_a_branch", vote_in_a_branch},
      {"votes", votes},
      {"divisions", divisions},
      {"edges_of_bins", edges_of_bins},
      {"rows_of_items", rows_of_items},
      {"waits_then_reads", waits_then_reads},
      {"reads_then_waits", reads_then_waits},
      {"waits_but_for_one_thread", waits_but_for_one_thread},
      {"past_the_heap", past_the_heap},
      {"past_the_stack_of_a_fiber", past_the_stack_of_a_fiber},
      {"integer_overflow", integer_overflow},
      {"vector_off_its_boundary", vector_off_its_boundary},
      {"vector_past_the_array", vector_past_the_array},
      {"write_to_an_input", write_to_an_input},
  };
  return all;
}

}  // namespace

void run_faulty_kernel(const std::string& name) {
  if (name == "too_many_threads") {
    return cuda::launch("too_many_threads", reverse, {1, 1, 2048, 0}, stream(), NoArgs{});
  }
  if (name == "too_much_shared_memory") {
    return cuda::launch("too_much_shared_memory", reverse, {1, 1, kThreads, 1 << 20}, stream(), NoArgs{});
  }
  if (name == "default_stream") return cuda::launch("default_stream", reverse, {1, 1, kThreads, 0}, nullptr, NoArgs{});
  GlobalArrays arrays;
  arrays.add(pairs, pairs + 1, false);
  const auto found = kernels().find(name);
  if (found == kernels().end()) throw std::invalid_argument("no kernel named " + name);
  handed_over = 0;
  const bool early = name.find("waits") != std::string::npos;
  if (early) cuda::launch("hand_over", hand_over, {1, 1, kThreads, 0}, stream(), NoArgs{});
  cuda::launch(name.c_str(), found->second, {1, 1, kThreads, cuda::shared_bytes_of<int32_t>(kThreads), 1, early},
               stream(), NoArgs{});
  synchronize();
}

}  // namespace spp::cuda_host
