// Guards that have to be judged: those with a changed limit, and those that only their `min_hold` keeps breached.
#pragma once

#include <cstdint>

#include "sampler/guard.h"
#include "util/list.h"

namespace tripline {

// Used under the sampler's lock.
class Verdicts {
 public:
  // Guards with a changed limit are appended here by whatever changes it, which marks them as dirty.
  List<Guard*>* dirty() { return &dirty_; }
  void Add(Guard* guard) {
    guard->dirty = true;
    dirty_.push_back(guard);
  }

  bool idle() const { return dirty_.empty() && held_.empty(); }

  // Judges them, writes their flags to the boards and delivers what has happened.
  void Judge(uint64_t now);

  // The same of one guard, whose hold is the caller's affair.
  static void JudgeOne(Guard* guard, uint64_t now);

  // The first moment at which a hold ends; kNever for none.
  uint64_t NextRelease() const;

  void Forget(Guard* guard) {
    if (guard->held) EraseUnordered(&held_, guard);
  }

 private:
  List<Guard*> dirty_;
  List<Guard*> held_;
};

}  // namespace tripline
