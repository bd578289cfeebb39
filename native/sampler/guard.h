// A guard: limits judged together. Pure, like the limits: values and times come in from outside.
#pragma once

#include <cstdint>
#include <memory>

#include "sampler/blocked_stack.h"
#include "sampler/limit.h"
#include "sampler/series.h"
#include "util/list.h"

namespace tripline {

class Feed;
class Environment;
class Guard;

enum class OnMissing : uint8_t { kUnavailable, kIgnore, kBreach };

// The evidence of a crossed limit, taken at the moment of the breach.
struct Evidence {
  double value = 0;
  uint64_t since = 0;
  uint64_t at = 0;
  uint32_t breach = 0;  // the guard's breach that it belongs to, counted from 1
  uint32_t recent_count = 0;
  double recent[kRecent];
  const char* origin = "";
  uint64_t block = 0;  // the unanswered heartbeat that it is about; 0 for none
};

struct GuardLimit {
  Limit limit;
  OnMissing on_missing = OnMissing::kUnavailable;
  Guard* guard = nullptr;
  Feed* feed = nullptr;  // none for a condition, which JavaScript checks
  uint32_t place = 0;    // in the feed's arrays
  bool stack = false;    // wants the stack of what blocks the loop
  std::unique_ptr<StackCopy> kept_stack;
  uint64_t observed_at = 0;  // conditions only: unobserved time is excluded from the dwell up to here
  Evidence evidence;

  // Whether `limit.state` still counts. A single failed read changes nothing: sensors fail briefly, and work that a
  // crossed limit holds off must not start because of that. If a missing metric counts as a breach, it does so at once.
  bool by_value() const {
    if (!limit.lost()) return true;
    return limit.failed_reads == 1 && limit.state != LimitState::kClear && on_missing != OnMissing::kBreach;
  }

  // Whether it counts as breached, because of its value or because the value is missing.
  bool guilty() const { return by_value() ? limit.breached() : on_missing == OnMissing::kBreach; }

  struct Progress {
    bool changed;  // the guard may judge differently
    bool proven;   // it has just crossed its line; `evidence` holds the current value, not yet its history
  };
  // Advances the limit by one value. NaN is a read that yielded no value.
  Progress Step(double value, uint64_t now);
};

// What a guard does at once, without JavaScript, whose loop may be blocked.
class Reaction {
 public:
  // The guard is breached, or that is over. Called under the sampler's lock, so it must not wait.
  virtual void React(Guard* guard) = 0;
  // The guard needs it no longer.
  virtual void LetGo() = 0;

 protected:
  ~Reaction() = default;
};

struct GuardSpec {
  bool all = false;       // breached while all limits are, instead of any
  uint64_t within = 0;    // how long a crossing may go unnoticed; the longest period between reads
  uint64_t interval = 0;  // a fixed period instead; 0 for none
  uint64_t min_hold = 0;  // once breached, it stays so for at least this long
  uint32_t flag = 0;      // its place on the board
  uint32_t breaches = 0;  // the count of breaches to continue from
  Reaction* reaction = nullptr;
};

class Guard {
 public:
  // Takes over one hold of the reaction, if there is one.
  Guard(Environment* environment, const GuardSpec& spec, uint32_t limit_count);
  ~Guard();

  Environment* environment() const { return environment_; }
  const GuardSpec& spec() const { return spec_; }
  uint32_t limit_count() const { return limit_count_; }
  GuardLimit& limit(uint32_t index) const {
    WITHIN_BOUNDS(index < limit_count_);
    return limits_[index];
  }

  LimitState state() const { return state_; }
  bool breached() const { return state_ == LimitState::kBreached || state_ == LimitState::kClearing; }
  uint32_t breaches() const { return breaches_; }

  // Combines the limits' states. True if JavaScript has to be notified: of a breach, of its end, or of the loss or
  // return of a metric.
  bool Judge(uint64_t now);

  // Notifies the reaction of an edge. A breached guard that loses its metric is not clear.
  void React();

  // When `min_hold` alone keeps it breached: the time at which to judge again; kNever otherwise.
  uint64_t hold_end() const { return hold_end_; }

  // Advances a condition by the outcome of a check. `late` is how long before the check nothing was observed.
  GuardLimit::Progress StepCondition(uint32_t index, double value, uint64_t late, uint64_t now);

  // Excludes the `gap` nanoseconds before `now`, in which the process stood still, from every dwell and from the hold.
  void DiscountGap(uint64_t gap, uint64_t now);

  uint32_t id = 0;
  bool dirty = false;  // a limit has changed in this pass
  bool held = false;   // the sampler will judge it again at hold_end()
  bool undelivered = false;

 private:
  Environment* const environment_;
  const GuardSpec spec_;
  const uint32_t limit_count_;
  std::unique_ptr<GuardLimit[]> limits_;
  LimitState state_ = LimitState::kClear;
  bool reacted_ = false;
  uint32_t breaches_ = spec_.breaches;
  uint64_t breached_at_ = 0;
  uint64_t hold_end_;
};

}  // namespace tripline
