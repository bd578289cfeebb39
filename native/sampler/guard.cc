#include "sampler/guard.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "util/time.h"

namespace tripline {
namespace {

struct Count {
  uint32_t breached = 0;  // including those that are clearing
  uint32_t clearing = 0;
  uint32_t pending = 0;
  uint32_t missing = 0;  // without a value, and `on_missing` is kUnavailable
  uint32_t ignored = 0;
};

// The part of a gap that has not been excluded from a condition's dwell yet. Checks that come late exclude it, too.
void DiscountCondition(GuardLimit* each, uint64_t gap, uint64_t now) {
  const uint64_t unseen = std::min(gap, now - each->observed_at);
  DiscountGap(&each->limit, unseen, now);
  each->observed_at += unseen;
}

}  // namespace

GuardLimit::Progress GuardLimit::Step(double value, uint64_t now) {
  const bool was_breached = limit.breached();
  const bool was_guilty = guilty();
  const bool known = !std::isnan(value);
  const bool changed = known ? StepLimit(&limit, value, now) : StepLimitMissing(&limit, now);
  // A breach that has outlasted a loss, and whose value is now between its lines, keeps the evidence of its crossing.
  const bool outlasted = known && was_breached && !IsBeyond(limit.spec, value);
  const bool proven = guilty() && !was_guilty && !outlasted;
  if (proven) {
    evidence.value = limit.lost() ? std::numeric_limits<double>::quiet_NaN() : value;
    evidence.since = limit.lost() ? now : limit.beyond_since;
    evidence.at = now;
  }
  return {changed, proven};
}

Guard::Guard(Environment* environment, const GuardSpec& spec, uint32_t limit_count)
    : environment_(environment),
      spec_(spec),
      limit_count_(limit_count),
      limits_(new GuardLimit[limit_count]),
      hold_end_(kNever) {}

Guard::~Guard() {
  if (spec_.reaction != nullptr) spec_.reaction->LetGo();
}

void Guard::DiscountGap(uint64_t gap, uint64_t now) {
  for (uint32_t i = 0; i < limit_count_; i++) {
    if (limit(i).feed == nullptr) {
      DiscountCondition(&limit(i), gap, now);
    } else {
      tripline::DiscountGap(&limit(i).limit, gap, now);
    }
  }
  if (!breached()) return;
  breached_at_ = now - breached_at_ > gap ? breached_at_ + gap : now;
  if (hold_end_ != kNever) hold_end_ = breached_at_ + spec_.min_hold;
}

GuardLimit::Progress Guard::StepCondition(uint32_t index, double value, uint64_t late, uint64_t now) {
  GuardLimit& each = limit(index);
  DiscountCondition(&each, late, now);
  each.observed_at = now;
  return each.Step(value, now);
}

void Guard::React() {
  if (spec_.reaction == nullptr || breached() == reacted_ || state_ == LimitState::kUnavailable) return;
  reacted_ = breached();
  spec_.reaction->React(this);
}

bool Guard::Judge(uint64_t now) {
  Count count;
  for (uint32_t i = 0; i < limit_count_; i++) {
    const GuardLimit& each = limit(i);
    switch (each.by_value() ? each.limit.state : LimitState::kUnavailable) {
      case LimitState::kClear: break;
      case LimitState::kPending: count.pending++; break;
      case LimitState::kClearing:
        count.clearing++;
        count.breached++;
        break;
      case LimitState::kBreached: count.breached++; break;
      case LimitState::kUnavailable:
        if (each.on_missing == OnMissing::kBreach) count.breached++;
        if (each.on_missing == OnMissing::kIgnore) count.ignored++;
        if (each.on_missing == OnMissing::kUnavailable) count.missing++;
        break;
    }
  }

  const uint32_t voters = limit_count_ - count.ignored;
  const bool met = spec_.all ? voters > 0 && count.breached == voters : count.breached > 0;
  const bool receding = spec_.all ? count.clearing > 0 : count.clearing == count.breached;
  const bool was_breached = breached();
  const LimitState before = state_;

  hold_end_ = kNever;
  if (met) {
    state_ = receding ? LimitState::kClearing : LimitState::kBreached;
  } else if (was_breached && now - breached_at_ < spec_.min_hold) {
    state_ = LimitState::kClearing;
    hold_end_ = breached_at_ + spec_.min_hold;
  } else if (count.missing > 0) {
    state_ = LimitState::kUnavailable;
  } else {
    state_ = count.pending > 0 ? LimitState::kPending : LimitState::kClear;
  }

  if (breached() && !was_breached) {
    breaches_++;
    breached_at_ = now;
  }
  if (breached()) {
    // Limits that crossed before the others, or join later, are part of this breach's evidence too.
    for (uint32_t i = 0; i < limit_count_; i++) {
      if (limit(i).guilty()) limit(i).evidence.breach = breaches_;
    }
  }
  const bool was_lost = before == LimitState::kUnavailable;
  const bool lost = state_ == LimitState::kUnavailable;
  return breached() != was_breached || lost != was_lost;
}

}  // namespace tripline
