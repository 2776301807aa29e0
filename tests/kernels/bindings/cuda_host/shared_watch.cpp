#include "shared_watch.h"

namespace spp::cuda_host {
namespace {

constexpr int kThreadsOfWarp = 32;

const char* name_of(Access access) {
  return access == Access::kRead ? "reads" : access == Access::kWrite ? "writes" : "updates atomically";
}

bool ordered(const Visit& earlier, const Visit& later) {
  if (earlier.thread < 0 || earlier.thread == later.thread || earlier.block_epoch != later.block_epoch) return true;
  return earlier.thread / kThreadsOfWarp == later.thread / kThreadsOfWarp && earlier.warp_epoch != later.warp_epoch;
}

bool conflicting(Access a, Access b) {
  if (a == Access::kRead && b == Access::kRead) return false;
  return !(a == Access::kAtomic && b == Access::kAtomic);
}

}  // namespace

std::string SharedWatch::note(Word& word, const Visit& visit) {
  const auto clash = [&](const Visit& earlier) {
    return conflicting(earlier.access, visit.access) && !ordered(earlier, visit);
  };
  const auto report = [&](const Visit& earlier) {
    return "race: thread " + std::to_string(visit.thread) + " " + name_of(visit.access) + " what thread " +
           std::to_string(earlier.thread) + " " + name_of(earlier.access) + " with no barrier between";
  };
  if (clash(word.write)) return report(word.write);
  if (visit.access == Access::kRead) {
    for (Visit& read : word.reads) {
      if (read.thread == visit.thread) {
        read = visit;
        return {};
      }
    }
    word.reads[word.next_read] = visit;
    word.next_read = (word.next_read + 1) % kReaders;
  } else {
    for (const Visit& read : word.reads) {
      if (clash(read)) return report(read);
    }
    word.write = visit;
  }
  return {};
}

std::string SharedWatch::note(size_t begin, size_t size, const Visit& visit) {
  for (size_t word = begin / kWordBytes; word <= (begin + size - 1) / kWordBytes; ++word) {
    std::string error = note(words_[word], visit);
    if (!error.empty()) return error + " (shared memory byte " + std::to_string(word * kWordBytes) + ")";
  }
  return {};
}

}  // namespace spp::cuda_host
