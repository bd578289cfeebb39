// Guards that have to be judged: those with a changed limit, and those that only their `min_hold` keeps breached.
#pragma once

#include <cstdint>

#include "sampler/guard.h"
#include "util/list.h"

namespace tripline {

// Used under the sampler's lock.
class Verdicts {
 public:
  // Guards with a changed limit. The code that changes a limit appends its guard and marks it as dirty.
  List<Guard*>* dirty() { return &dirty_; }
  void Add(Guard* guard) {
    guard->dirty = true;
    dirty_.push_back(guard);
  }

  bool idle() const { return dirty_.empty() && held_.empty(); }

  // Judges them, writes their flags to the boards and delivers what has happened.
  void Judge(uint64_t now);

  // Judges one guard; the caller handles its hold. True if it was breached, has cleared, or lost or found a metric.
  static bool JudgeOne(Guard* guard, uint64_t now);

  // The first moment at which a hold ends; kNever if there is none.
  uint64_t NextRelease() const;

  void Forget(Guard* guard) {
    if (guard->held) EraseUnordered(&held_, guard);
  }

 private:
  List<Guard*> dirty_;
  List<Guard*> held_;
};

}  // namespace tripline
