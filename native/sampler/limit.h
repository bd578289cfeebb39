// The limit state machine; pure: no clock, no OS, no allocation.
#pragma once

#include <cstdint>

namespace tripline {

// `kUnavailable` is a guard's state only: a limit that loses its metric keeps the state that its last value gave it.
enum class LimitState : uint8_t { kClear, kPending, kBreached, kClearing, kUnavailable };

struct LimitSpec {
  double enter = 0;  // beyond it: breached, once that has lasted for `dwell`
  double exit = 0;   // at or inside it: recovered, once that has lasted for `clear_dwell`
  uint64_t dwell = 0;
  uint64_t clear_dwell = 0;
  bool above = true;
};

struct Limit {
  LimitSpec spec;
  LimitState state = LimitState::kClear;  // by the last value that there was
  uint32_t failed_reads = 0;              // since then; 2 stands for more
  uint64_t beyond_since = 0;              // first value beyond `enter` of this crossing
  uint64_t inside_since = 0;              // first value at or inside `exit` of this recovery
  uint64_t lost_at = 0;                   // the first of the failed reads

  bool breached() const { return state == LimitState::kBreached || state == LimitState::kClearing; }
  bool lost() const { return failed_reads > 0; }
};

// Whether `value` is on the wrong side of the line.
bool IsBeyond(const LimitSpec& spec, double value);

// Moves `limit` on by one value, or by a read that yielded none. True where that may change a guard's verdict.
//
// Time without a value counts into no dwell: it moves the beginning of a running one. Where more than one read failed
// and that took longer than the dwell itself, what was seen before is too old to count and the dwell begins anew.
bool StepLimit(Limit* limit, double value, uint64_t now);
bool StepLimitMissing(Limit* limit, uint64_t now);

// Takes `gap` nanoseconds before `now`, in which nothing was observed, out of a running dwell.
void DiscountGap(Limit* limit, uint64_t gap, uint64_t now);

// When the state will change if values stay where they are; kNever for never.
uint64_t DwellEnd(const Limit& limit);

// The open interval of values that change nothing: most limits on most samples need no more than two comparisons.
struct Band {
  double low;
  double high;
};
Band QuietBand(const Limit& limit);

}  // namespace tripline
