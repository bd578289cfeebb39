#include "sampler/feed.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "sampler/environment.h"

namespace tripline {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Reads with at least this period are aligned to shared times; shorter periods only occur close to a line.
constexpr uint64_t kSharedFrom = 50 * kMillisecond;

// In milliseconds: one period of the metric.
constexpr double kStackLead = 10;

// In seconds, for limits that can never be reached.
constexpr double kLongestRest = 10;

}  // namespace

void Feed::Settle(const Reading& reading, const Failure& failure, uint64_t now, List<Guard*>* dirty) {
  // Counters that advanced while nothing used the feed do not describe the present.
  if (rested_ && now - last_read >= 2 * series.window()) series.Reset();
  rested_ = false;
  last_read = now;
  if (!series.Absorb(reading, failure, now)) return;
  for (const Subscription* each : subscriptions) PublishTo(*each);

  const Value& value = series.now();
  distance_ = kInfinity;
  dwell_end_ = kNever;
  if (value.state != Value::kKnown) {
    for (GuardLimit* each : limits_) Step(each, now, dirty);
    return;
  }
  for (size_t i = 0; i < bands_.size(); i++) {
    const Band& band = bands_[i];
    if (!(value.value > band.low && value.value < band.high)) Step(limits_[i], now, dirty);
    const double up = band.high - value.value;
    const double down = value.value - band.low;
    const double near = up < down ? up : down;
    if (near >= 0 && near < distance_) distance_ = near;
  }
  if (stacks_) AskForStacks();
}

void Feed::AskForStacks() {
  for (GuardLimit* each : limits_) {
    if (!each->stack) continue;
    // The blocking code may watch the guard and end at the breach, so the stack is taken a little earlier.
    const double line = each->limit.spec.enter - std::min(kStackLead, each->limit.spec.enter / 2);
    const double left = line - series.now().value;
    if (left <= 0) {
      each->guard->environment()->AskForStack();
    } else {
      distance_ = std::min(distance_, left);
    }
  }
}

void Feed::Step(GuardLimit* limit, uint64_t now, List<Guard*>* dirty) {
  if (!StepOne(limit, now) || limit->guard->dirty) return;
  limit->guard->dirty = true;
  dirty->push_back(limit->guard);
}

bool Feed::StepOne(GuardLimit* each, uint64_t now) {
  const Value& value = series.now();
  if (value.state == Value::kUnknown) return false;
  Environment* environment = each->guard->environment();
  const bool blocked = each->stack && environment->heartbeat.outstanding();
  const GuardLimit::Progress progress = each->Step(value.state == Value::kKnown ? value.value : kNaN, now);
  bands_[each->place] = QuietBand(each->limit);
  dwell_end_ = std::min(dwell_end_, DwellEnd(each->limit));
  if (progress.proven) {
    each->evidence.recent_count = series.CopyRecent(each->evidence.recent);
    each->evidence.origin = KeepOrigin();
    each->evidence.block = blocked ? environment->heartbeat.number : 0;
    each->kept_stack.reset();
  }
  return progress.changed;
}

void Feed::Rush(uint64_t now, List<Guard*>* dirty) {
  for (GuardLimit* each : limits_) {
    LimitSpec* spec = &each->limit.spec;
    const uint64_t dwell = spec->dwell;
    spec->dwell = 0;
    Step(each, now, dirty);
    spec->dwell = dwell;
  }
}

bool Feed::breached() const {
  for (const GuardLimit* each : limits_) {
    if (each->guilty()) return true;
  }
  return false;
}

const char* Feed::KeepOrigin() {
  const char* origin = source == nullptr ? "tripline/testing" : source->Origin(series.metric(), series.part());
  for (const auto& kept : origins_) {
    if (std::strcmp(kept.get(), origin) == 0) return kept.get();
  }
  const size_t size = std::strlen(origin) + 1;
  origins_.push_back(std::unique_ptr<char[]>(new char[size]));
  std::memcpy(origins_.back().get(), origin, size);
  return origins_.back().get();
}

void Feed::AddLimit(GuardLimit* limit) {
  limit->place = static_cast<uint32_t>(limits_.size());
  limits_.push_back(limit);
  bands_.push_back(QuietBand(limit->limit));
  CountDemand(limit->guard->spec());
  stacks_ = stacks_ || limit->stack;
}

void Feed::CountDemand(const GuardSpec& spec) {
  uint64_t* longest = spec.interval != 0 ? &interval_ : &within_;
  *longest = std::min(*longest, spec.interval != 0 ? spec.interval : spec.within);
}

void Feed::RemoveLimit(GuardLimit* limit) {
  const uint32_t place = limit->place;
  limits_[place] = limits_.back();
  limits_[place]->place = place;
  bands_[place] = bands_.back();
  limits_.pop_back();
  bands_.pop_back();
  demand_known_ = false;
}

void Feed::FindDemand() {
  within_ = kNever;
  interval_ = kNever;
  for (const GuardLimit* each : limits_) CountDemand(each->guard->spec());
  demand_known_ = true;
}

uint64_t Feed::TimeToLine() const {
  // A mean over a window cannot move by more than the whole scale in one window. Without a slope the time is infinite.
  const double seconds = series.kind() == kRatio ? distance_ / 100 * ToSeconds(series.window())
                                                 : distance_ / source->MaxSlope(series.metric());
  return seconds < 1e6 ? static_cast<uint64_t>(static_cast<int64_t>(seconds * 1e9)) : kNever;
}

uint64_t Feed::LongestPeriod(uint64_t time_to_line) const {
  // A mean over a window, or a level whose fastest move is known, cannot reach a distant line sooner, so its crossing
  // is still noticed within `within`. A limit with a running dwell, or without a value, is read at the usual period.
  if (dwell_end_ != kNever || series.now().state != Value::kKnown) return within_;
  uint64_t most = 0;
  const double ceiling = source->Ceiling(series.metric());
  if (ceiling > 0) {
    const double seconds = std::min(distance_ / ceiling, kLongestRest);
    most = static_cast<uint64_t>(static_cast<int64_t>(seconds * 1e9));
  } else if (series.share()) {
    // At least twice per window.
    most = std::min(series.window() / 2, time_to_line);
  } else {
    return within_;
  }
  // A multiple of `within`, so that the read shares wake-ups of other feeds.
  return std::max(within_, most - most % within_);
}

void Feed::Schedule(double stretch) {
  if (!demand_known_) FindDemand();
  uint64_t period = interval_;
  for (const Subscription* each : subscriptions) {
    if (each->period < period) period = each->period;
  }

  const uint64_t floor = source->MinPeriod(series.metric());
  // A loop's delay is a time that runs: it is also read when it reaches a line if its guards have fixed periods.
  const bool runs = interval_ != kNever && series.metric() == Metric::kEventLoopDelay;
  if (within_ != kNever || runs) {
    const auto stretched = static_cast<uint64_t>(static_cast<int64_t>(ToNumber(floor) * stretch));
    const uint64_t time_to_line = series.now().state == Value::kKnown ? TimeToLine() : kNever;
    period = std::min({period, std::max(time_to_line, stretched), LongestPeriod(time_to_line)});
  }
  if (period == kNever) {
    due = kNever;
    rested_ = true;
    return;
  }
  clamped_ = period < floor;
  if (clamped_) period = floor;
  if (series.now().state == Value::kUnavailable && period < kRetry) period = kRetry;
  due = last_read + period;
  // Reads are moved, by at most a tenth of a period each time, to multiples of the period. Otherwise each source would
  // keep the phase in which it began, and need wake-ups of its own. Reads that must not be early are not moved.
  const bool movable = period >= kSharedFrom && !clamped_ && floor < kSecond;
  if (movable) due -= std::min(due % period, Tenth(period));
  if (dwell_end_ >= due) return;
  due = dwell_end_ > last_read + floor ? dwell_end_ : last_read + floor;
  clamped_ = false;
}

void Feed::Hurry(uint64_t now) {
  const uint64_t earliest = last_read + source->MinPeriod(series.metric());
  due = std::min(due, std::max(now, earliest));
  clamped_ = false;
}

void Feed::PublishTo(const Subscription& subscription) const {
  subscription.environment->board.WriteCell(subscription.cell, series.now());
}

}  // namespace tripline
