// The limit state machine; pure: no clock, no OS, no allocation.
#pragma once

#include <cstdint>

namespace tripline {

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
  LimitState state = LimitState::kClear;
  uint64_t beyond_since = 0;  // first value beyond `enter` of this crossing
  uint64_t inside_since = 0;  // first value at or inside `exit` of this recovery

  bool breached() const { return state == LimitState::kBreached || state == LimitState::kClearing; }
};

// Moves `limit` on by one value, or by the news that there is none. True where its state has changed.
bool StepLimit(Limit* limit, double value, uint64_t now);
bool StepLimitMissing(Limit* limit);

// When the state will change if values stay where they are; UINT64_MAX for never.
uint64_t DwellEnd(const Limit& limit);

// The open interval of values that change nothing: most limits on most samples need no more than two comparisons.
struct Band {
  double low;
  double high;
};
Band QuietBand(const Limit& limit);

}  // namespace tripline
