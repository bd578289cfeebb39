#include "sampler/limit.h"

#include <limits>

#include "util/time.h"

namespace tripline {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool Recovered(const LimitSpec& spec, double value) { return spec.above ? value <= spec.exit : value >= spec.exit; }

// `since` is never after `now`, neither before nor after this call.
void Postpone(uint64_t* since, uint64_t by, uint64_t now) { *since = now - *since > by ? *since + by : now; }

// A dwell that has been running since `since` continues after a loss.
void Continue(const Limit& limit, uint64_t dwell, uint64_t* since, uint64_t now) {
  const uint64_t gap = now - limit.lost_at;
  const bool too_long = limit.failed_reads > 1 && gap > dwell;
  Postpone(since, too_long ? now : gap, now);
}

void Recover(Limit* limit, double value, uint64_t now) {
  if (limit->state == LimitState::kPending) Continue(*limit, limit->spec.dwell, &limit->beyond_since, now);
  if (limit->state == LimitState::kClearing) Continue(*limit, limit->spec.clear_dwell, &limit->inside_since, now);
  // After a long loss it is unknown whether the value was beyond the line all the time.
  if (limit->breached() && limit->failed_reads > 1 && IsBeyond(limit->spec, value)) limit->beyond_since = now;
  limit->failed_reads = 0;
}

}  // namespace

bool IsBeyond(const LimitSpec& spec, double value) { return spec.above ? value > spec.enter : value < spec.enter; }

bool StepLimit(Limit* limit, double value, uint64_t now) {
  const bool was_lost = limit->lost();
  if (was_lost) Recover(limit, value, now);
  const LimitState before = limit->state;
  switch (before) {
    case LimitState::kUnavailable:
    case LimitState::kClear:
      if (!IsBeyond(limit->spec, value)) break;
      limit->beyond_since = now;
      limit->state = limit->spec.dwell == 0 ? LimitState::kBreached : LimitState::kPending;
      break;
    case LimitState::kPending:
      if (!IsBeyond(limit->spec, value)) {
        limit->state = LimitState::kClear;
      } else if (now - limit->beyond_since >= limit->spec.dwell) {
        limit->state = LimitState::kBreached;
      }
      break;
    case LimitState::kBreached:
      if (!Recovered(limit->spec, value)) break;
      limit->inside_since = now;
      limit->state = limit->spec.clear_dwell == 0 ? LimitState::kClear : LimitState::kClearing;
      break;
    case LimitState::kClearing:
      if (!Recovered(limit->spec, value)) {
        limit->state = LimitState::kBreached;
      } else if (now - limit->inside_since >= limit->spec.clear_dwell) {
        limit->state = LimitState::kClear;
      }
      break;
  }
  return was_lost || limit->state != before;
}

bool StepLimitMissing(Limit* limit, uint64_t now) {
  if (!limit->lost()) limit->lost_at = now;
  // Only the first two failed reads change anything.
  if (limit->failed_reads == 2) return false;
  limit->failed_reads++;
  return true;
}

void DiscountGap(Limit* limit, uint64_t gap, uint64_t now) {
  if (limit->lost()) Postpone(&limit->lost_at, gap, now);
  if (limit->state == LimitState::kPending) Postpone(&limit->beyond_since, gap, now);
  if (limit->state == LimitState::kClearing) Postpone(&limit->inside_since, gap, now);
}

uint64_t DwellEnd(const Limit& limit) {
  if (limit.lost()) return kNever;
  if (limit.state == LimitState::kPending) return limit.beyond_since + limit.spec.dwell;
  if (limit.state == LimitState::kClearing) return limit.inside_since + limit.spec.clear_dwell;
  return kNever;
}

Band QuietBand(const Limit& limit) {
  constexpr Band kNothing = {kInfinity, -kInfinity};
  if (limit.lost()) return kNothing;
  switch (limit.state) {
    case LimitState::kClear:
      return limit.spec.above ? Band{-kInfinity, limit.spec.enter} : Band{limit.spec.enter, kInfinity};
    case LimitState::kBreached:
      return limit.spec.above ? Band{limit.spec.exit, kInfinity} : Band{-kInfinity, limit.spec.exit};
    case LimitState::kPending:
    case LimitState::kClearing:
    case LimitState::kUnavailable: break;
  }
  return kNothing;
}

}  // namespace tripline
