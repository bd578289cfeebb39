#include "sampler/limit.h"

#include <limits>

namespace tripline {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool Beyond(const LimitSpec& spec, double value) { return spec.above ? value > spec.enter : value < spec.enter; }

bool Recovered(const LimitSpec& spec, double value) { return spec.above ? value <= spec.exit : value >= spec.exit; }

}  // namespace

bool StepLimit(Limit* limit, double value, uint64_t now) {
  const LimitState before = limit->state;
  switch (before) {
    case LimitState::kUnavailable:
    case LimitState::kClear:
      limit->state = LimitState::kClear;
      if (!Beyond(limit->spec, value)) break;
      limit->beyond_since = now;
      limit->state = limit->spec.dwell == 0 ? LimitState::kBreached : LimitState::kPending;
      break;
    case LimitState::kPending:
      if (!Beyond(limit->spec, value)) {
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
  return limit->state != before;
}

bool StepLimitMissing(Limit* limit) {
  const bool changed = limit->state != LimitState::kUnavailable;
  limit->state = LimitState::kUnavailable;
  return changed;
}

uint64_t DwellEnd(const Limit& limit) {
  if (limit.state == LimitState::kPending) return limit.beyond_since + limit.spec.dwell;
  if (limit.state == LimitState::kClearing) return limit.inside_since + limit.spec.clear_dwell;
  return std::numeric_limits<uint64_t>::max();
}

Band QuietBand(const Limit& limit) {
  switch (limit.state) {
    case LimitState::kClear:
      return limit.spec.above ? Band{-kInfinity, limit.spec.enter} : Band{limit.spec.enter, kInfinity};
    case LimitState::kBreached:
      return limit.spec.above ? Band{limit.spec.exit, kInfinity} : Band{-kInfinity, limit.spec.exit};
    case LimitState::kPending:
    case LimitState::kClearing:
    case LimitState::kUnavailable: break;
  }
  return Band{kInfinity, -kInfinity};
}

}  // namespace tripline
