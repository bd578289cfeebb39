// Keeps the cost of adaptive reads within a budget by lengthening their periods. Pure: times are passed in.
#pragma once

#include <cstdint>

namespace tripline {

class Governor {
 public:
  // Starts again for a new thread; `cpu` is its CPU time so far.
  void Begin(uint64_t now, uint64_t cpu);

  // Counts a wake-up of the thread. `read`: whether it read anything; wake-ups for tickers do not use up the budget.
  void CountWakeup(bool read) {
    wakeups_++;
    if (read) reading_wakeups_++;
  }

  // Whether Judge() is due. It is not called at every wake-up, because reading the CPU clock costs more than a quick
  // read.
  bool IsDue(uint64_t now) const;
  void Judge(uint64_t now, uint64_t cpu);

  // The factor for adaptive periods; 1 or more.
  double stretch() const { return stretch_; }

 private:
  double stretch_ = 1;
  double saved_ = 0;  // unused CPU time, in nanoseconds
  uint64_t judged_at_ = 0;
  uint64_t judged_cpu_ = 0;
  uint64_t wakeups_ = 0;  // since then
  uint64_t reading_wakeups_ = 0;
};

}  // namespace tripline
