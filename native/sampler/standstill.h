// Time in which the sampling thread should have run and did not: the process was stopped (SIGSTOP, Ctrl-Z), frozen
// (control groups, a debugger, a paused virtual machine) or starved of CPU time. Nothing was observed then, so it must
// not count as time in which a value stayed where it was. Pure: the clock comes in from outside.
#pragma once

#include <cstdint>

namespace tripline {

struct Standstill {
  uint64_t duration = 0;  // nanoseconds before now
  bool stopped = false;   // as a whole, with all its threads; else this thread may only have been starved
};

class StandstillWatch {
 public:
  // The thread has been at work since `begun` and goes to sleep. If it was at work for far longer than any pass takes,
  // it stood still in the middle of it.
  void Sleep(uint64_t begun, uint64_t now);

  // The thread is awake again, and should be since `deadline`: the end of its sleep, or the moment in which another
  // thread woke it. `interrupted`: the kernel ended the sleep because the process was stopped or frozen during it. It
  // is unknown when that began, so none of the sleep counts as observed. The usual lateness on a busy machine is not a
  // standstill.
  Standstill Wake(uint64_t now, uint64_t deadline, bool interrupted) const;

 private:
  uint64_t within_pass_ = 0;
  uint64_t slept_at_ = 0;
};

}  // namespace tripline
