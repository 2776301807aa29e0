// Threads, as the kernels see them: whoever calls brings the pool.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "../portable.h"

namespace spp::cpu {

struct Parallel {
  int threads;
  // Calls body(i) once for every i in [0, workers), on as many threads as there are.
  std::function<void(int workers, const std::function<void(int)>& body)> run;
};

// Tasks differ much in cost, so workers take the next one as they get free; of very many, several in a row, as
// neighbors read the same memory, and fewer toward the end, so that all get ready at once. `make_body()` is called
// once a worker and returns what is then called with each task number: the place for a worker's scratch memory.
template <typename MakeBody>
void run_tasks(const Parallel& parallel, int64_t tasks, const MakeBody& make_body) {
  const int workers = static_cast<int>(tasks < parallel.threads ? tasks : parallel.threads);
  constexpr int64_t kTurns = 16;  // of a worker, were all its rows as long as the next one
  std::atomic<int64_t> next{0};
  const auto work = [&](int) {
    auto body = make_body();
    for (int64_t begin = next; begin < tasks;) {
      const int64_t end = begin + larger<int64_t>(1, (tasks - begin) / (kTurns * parallel.threads));
      if (!next.compare_exchange_weak(begin, end)) continue;
      for (int64_t task = begin; task < end; ++task) body(task);
      begin = next;
    }
  };
  if (workers <= 1) {
    if (tasks > 0) work(0);
  } else {
    parallel.run(workers, work);
  }
}

// Equal shares of a cheap loop over [0, count): body(begin, end).
template <typename Body>
void run_shares(const Parallel& parallel, int64_t count, int64_t least_share, const Body& body) {
  int64_t shares = (count + least_share - 1) / least_share;
  if (shares > parallel.threads) shares = parallel.threads;
  if (shares <= 1) {
    body(int64_t{0}, count);
  } else {
    parallel.run(static_cast<int>(shares), [&](int i) { body(count * i / shares, count * (i + 1) / shares); });
  }
}

}  // namespace spp::cpu
