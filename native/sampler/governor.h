// Keeps what the adaptive reads cost within a budget, by lengthening their periods. Pure: clocks come in from outside.
#pragma once

#include <cstdint>

namespace tripline {

class Governor {
 public:
  // A thread begins; `cpu` is its CPU time so far.
  void Begin(uint64_t now, uint64_t cpu);

  // A wake-up of the thread, and whether it read anything: what tickers cost is not for the reads to save.
  void CountWakeup(bool read) {
    wakeups_++;
    if (read) reading_wakeups_++;
  }

  // Whether it is time to judge: the CPU clock costs more than a quick read.
  bool IsDue(uint64_t now) const;
  void Judge(uint64_t now, uint64_t cpu);

  // What adaptive periods are to be multiplied with; 1 or more.
  double stretch() const { return stretch_; }

 private:
  double stretch_ = 1;
  double saved_ = 0;  // CPU time in nanoseconds that was allowed and not used
  uint64_t judged_at_ = 0;
  uint64_t judged_cpu_ = 0;
  uint64_t wakeups_ = 0;  // since then
  uint64_t reading_wakeups_ = 0;
};

}  // namespace tripline
