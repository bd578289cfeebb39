// How long the end of a command waits for output that was not passed on yet, once no process is left that could write
// more.
#pragma once

#include <algorithm>

#include "port/platform.h"

namespace tripline {

// At the reader's pace, as if nothing were in between. But a reader that has stopped reading must not hold up an end
// that was requested.
class Drain {
 public:
  // The end is requested, now or after it.
  void Hurry() { hurried_ = true; }

  // When the waiting is over; kNever where only the reader can end it. `passed_at`: when something was passed on last.
  uint64_t End(uint64_t passed_at) const {
    if (from_ == 0) return kNever;
    return std::min(std::max(passed_at, from_) + kQuiet, from_ + kLongest);
  }

  // Asked again and again once no process is left.
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
