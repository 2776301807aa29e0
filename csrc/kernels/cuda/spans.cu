#include "spans.h"

namespace spp::cuda {
namespace {

constexpr int kSpanThreads = 256;

__global__ void __launch_bounds__(kSpanThreads) note_ends(const __grid_constant__ SpanArgs args) {
  const int64_t step = int64_t{gridDim.x} * kSpanThreads;
  for (int64_t r = int64_t{blockIdx.x} * kSpanThreads + threadIdx.x; r < args.rows; r += step) {
    const int32_t source = args.sources[r];
    if (source < 0 || source >= args.source_count) continue;
    note_span(args.spans, source, r, args.rows, [&](int64_t other) { return args.sources[other]; });
  }
}

}  // namespace

void clear_spans(const SpanArgs& args, Stream stream) {
  if (args.spans == nullptr) return;
  const size_t bytes = span_bytes(args.source_count);
  check(cudaMemsetAsync(args.spans, 0xFF, bytes, stream), "clear_spans (" + std::to_string(bytes) + " bytes)");
}

void find_spans(const SpanArgs& args, Stream stream) {
  if (args.spans == nullptr) return;
  clear_spans(args, stream);
  launch("note_ends", note_ends, {ceil_div(args.rows, kSpanThreads), 1, kSpanThreads, 0}, stream, args);
}

}  // namespace spp::cuda
