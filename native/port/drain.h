// Decides how long the end of a command is delayed for output that was not passed on yet, after the last process that
// could write more has ended.
#pragma once

#include <algorithm>

#include "port/platform.h"

namespace tripline {

// Output is passed on at the reader's pace, as if the command wrote to the reader directly. But once an end was
// requested, a reader that has stopped reading must not hold it up.
class Drain {
 public:
  // An end was requested. May be called after the last process has ended.
  void Hurry() { hurried_ = true; }

  // When to stop waiting; kNever where only the reader can end it. `passed_at`: when output was last passed on.
  uint64_t End(uint64_t passed_at) const {
    if (from_ == 0) return kNever;
    return std::min(std::max(passed_at, from_) + kQuiet, from_ + kLongest);
  }

  // Called repeatedly after the last process has ended.
  bool IsOver(uint64_t now, uint64_t passed_at) {
    if (hurried_ && from_ == 0) from_ = now;
    return now >= End(passed_at);
  }

 private:
  static constexpr uint64_t kQuiet = 200 * kMillisecond;
  static constexpr uint64_t kLongest = 5 * kSecond;

  bool hurried_ = false;
  uint64_t from_ = 0;
};

}  // namespace tripline
