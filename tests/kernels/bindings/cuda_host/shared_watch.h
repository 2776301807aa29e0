// Watches shared memory: two accesses of different threads to one word, at least one of them a write and not both
// atomic, must have a barrier between them that both threads took part in.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace spp::cuda_host {

enum class Access : uint8_t { kRead, kWrite, kAtomic };

// Who accessed a word, and between which barriers of its block and of its warp. No two blocks share a block epoch, so
// that the visits of a block that is over order themselves before all later ones.
struct Visit {
  int32_t thread = -1;
  Access access = Access::kRead;
  int64_t block_epoch = 0;
  int64_t warp_epoch = 0;
};

class SharedWatch {
 public:
  // Makes room for the words of so many bytes.
  void cover(size_t bytes) { words_.resize(std::max(words_.size(), (bytes + kWordBytes - 1) / kWordBytes)); }

  // Notes the access to bytes [begin, begin + size) and returns what is wrong with it, or nothing.
  std::string note(size_t begin, size_t size, const Visit& visit);

 private:
  static constexpr size_t kWordBytes = 2;
  static constexpr int kReaders = 4;  // the last so many readers of a word are remembered

  struct Word {
    Visit write;
    std::array<Visit, kReaders> reads;
    int next_read = 0;
  };

  static std::string note(Word& word, const Visit& visit);

  std::vector<Word> words_;
};

}  // namespace spp::cuda_host
