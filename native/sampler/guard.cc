#include "sampler/guard.h"

#include "util/time.h"

namespace tripline {
namespace {

struct Count {
  uint32_t breached = 0;  // of them `clearing`
  uint32_t clearing = 0;
  uint32_t pending = 0;
  uint32_t missing = 0;  // and `on_missing` leaves it at that
  uint32_t ignored = 0;
};

}  // namespace

Guard::Guard(Environment* environment, const GuardSpec& spec, uint32_t limit_count)
    : environment_(environment),
      spec_(spec),
      limit_count_(limit_count),
      limits_(new GuardLimit[limit_count]),
      hold_end_(kNever) {}

void Guard::DiscountGap(uint64_t gap, uint64_t now) {
  for (uint32_t i = 0; i < limit_count_; i++) tripline::DiscountGap(&limits_[i].limit, gap, now);
  if (!breached()) return;
  breached_at_ = now - breached_at_ > gap ? breached_at_ + gap : now;
  if (hold_end_ != kNever) hold_end_ = breached_at_ + spec_.min_hold;
}

bool Guard::Judge(uint64_t now) {
  Count count;
  for (uint32_t i = 0; i < limit_count_; i++) {
    const GuardLimit& each = limits_[i];
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
    // Limits that crossed before the others, or join later, are proof of this breach too.
    for (uint32_t i = 0; i < limit_count_; i++) {
      if (limits_[i].guilty()) limits_[i].evidence.breach = breaches_;
    }
  }
  const bool was_lost = before == LimitState::kUnavailable;
  const bool lost = state_ == LimitState::kUnavailable;
  return breached() != was_breached || lost != was_lost;
}

}  // namespace tripline
