// The limit state machine; pure: no clock, no OS, no allocation.
#pragma once

#include <cstdint>

namespace tripline {

// `kUnavailable` is a guard's state only: a limit that loses its metric keeps the state that its last value gave it.
enum class LimitState : uint8_t { kClear, kPending, kBreached, kClearing, kUnavailable };

struct LimitSpec {
  double enter = 0;  // breached once the value has been beyond this line for `dwell`
  double exit = 0;   // recovered once the value has been at or inside this line for `clear_dwell`
  uint64_t dwell = 0;
  uint64_t clear_dwell = 0;
  bool above = true;
};

struct Limit {
  LimitSpec spec;
  LimitState state = LimitState::kClear;  // according to the last known value
  uint32_t failed_reads = 0;              // since then; 2 stands for more
  uint64_t beyond_since = 0;              // first value beyond `enter` of this crossing
  uint64_t inside_since = 0;              // first value at or inside `exit` of this recovery
  uint64_t lost_at = 0;                   // the first of the failed reads

  bool breached() const { return state == LimitState::kBreached || state == LimitState::kClearing; }
  bool lost() const { return failed_reads > 0; }
};

// Whether `value` is on the wrong side of the line.
bool IsBeyond(const LimitSpec& spec, double value);

// Advances `limit` by one value, or by a read that yielded no value. True if that may change a guard's verdict.
//
// Time without a value does not count towards a dwell: the start of a running dwell is moved by it. If more than one
// read failed and the loss lasted longer than the dwell itself, earlier observations are too old to count and the dwell
// starts again.
bool StepLimit(Limit* limit, double value, uint64_t now);
bool StepLimitMissing(Limit* limit, uint64_t now);

// Excludes the `gap` nanoseconds before `now`, in which nothing was observed, from a running dwell.
void DiscountGap(Limit* limit, uint64_t gap, uint64_t now);

// When the state will change if the value stays as it is; kNever if it will not.
uint64_t DwellEnd(const Limit& limit);

// The open interval of values that change nothing. It makes two comparisons enough for most samples.
struct Band {
  double low;
  double high;
};
Band QuietBand(const Limit& limit);

}  // namespace tripline
