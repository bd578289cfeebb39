// The libFuzzer targets of the sampler's pure rules; the environment variable TARGET selects one. scripts/fuzz.js runs
// them. The input is a program of steps. Each step is also taken by an obvious model, which keeps everything and looks
// at all of it, and the two have to agree.
#include <cmath>
#include <cstdint>
#include <vector>

#include "fuzz.h"
#include "sampler/governor.h"
#include "sampler/grid.h"
#include "sampler/guard.h"
#include "sampler/limit.h"
#include "sampler/series.h"
#include "util/time.h"

namespace tripline::fuzz {
namespace {

// ---- a limit
// ---------------------------------------------------------------------------------------------------------

// Everything that a limit has seen.
class LimitModel {
 public:
  explicit LimitModel(const LimitSpec& spec) : spec_(spec) {}

  void Gap(uint64_t gap) { gap_ += gap; }
  void See(double value, uint64_t now) {
    seen_.push_back({value, now, gap_});
    gap_ = 0;
    if (std::isnan(value)) return;
    const bool holds = breached_ ? Recovered(value) : Beyond(value);
    const uint64_t required = breached_ ? spec_.clear_dwell : spec_.dwell;
    if (holds && Lasted(required) >= required) breached_ = !breached_;
  }
  LimitState state() const {
    double last = std::nan("");
    for (const Sight& each : seen_) {
      if (!std::isnan(each.value)) last = each.value;
    }
    if (breached_) return Recovered(last) ? LimitState::kClearing : LimitState::kBreached;
    return Beyond(last) ? LimitState::kPending : LimitState::kClear;
  }
  uint32_t failed() const {
    uint32_t count = 0;
    for (size_t i = seen_.size(); i-- > 0 && std::isnan(seen_[i].value);) count++;
    return count < 2 ? count : 2;
  }

 private:
  struct Sight {
    double value;
    uint64_t at;
    uint64_t gap;  // before it
  };

  bool Beyond(double value) const { return spec_.above ? value > spec_.enter : value < spec_.enter; }
  bool Recovered(double value) const { return spec_.above ? value <= spec_.exit : value >= spec_.exit; }
  bool Holds(double value) const { return breached_ ? Recovered(value) : Beyond(value); }
  // From one sight to another, without the gaps.
  uint64_t Observed(size_t from, size_t to) const {
    uint64_t time = seen_[to].at - seen_[from].at;
    for (size_t i = from + 1; i <= to; i++) time -= seen_[i].gap;
    return time;
  }
  // For how long the value has held, up to now.
  uint64_t Lasted(uint64_t required) const {
    bool running = false;
    uint64_t lasted = 0;
    size_t before = 0;
    std::vector<size_t> failures;
    for (size_t i = 0; i < seen_.size(); i++) {
      if (std::isnan(seen_[i].value)) {
        failures.push_back(i);
        continue;
      }
      const uint64_t lost = failures.empty() ? 0 : Observed(failures[0], i);
      if (!Holds(seen_[i].value)) {
        running = false;
      } else if (!running || (failures.size() > 1 && lost > required)) {
        running = true;
        lasted = 0;
      } else {
        lasted += Observed(before, i) - lost;
      }
      before = i;
      failures.clear();
    }
    return lasted;
  }

  const LimitSpec spec_;
  std::vector<Sight> seen_;
  uint64_t gap_ = 0;
  bool breached_ = false;
};

void LimitTarget(Input input) {
  Limit limit;
  limit.spec.above = input.Take(1) == 1;
  limit.spec.enter = input.Take(8);
  const double inside = input.Take(3);
  limit.spec.exit = limit.spec.above ? limit.spec.enter - inside : limit.spec.enter + inside;
  limit.spec.dwell = input.Take(6);
  limit.spec.clear_dwell = input.Take(6);
  LimitModel model(limit.spec);
  uint64_t now = 1000;
  for (int steps = 0; !input.done() && steps < 300; steps++) {
    const uint64_t passed = input.Take(4);
    now += passed;
    // At most what has passed since the last step.
    const uint64_t gap = input.Take(3) == 0 ? input.Take(4) % (passed + 1) : 0;
    if (gap > 0) {
      DiscountGap(&limit, gap, now);
      model.Gap(gap);
    }
    const uint32_t value = input.Take(12);
    const LimitState before = limit.state;
    const uint64_t due = DwellEnd(limit);
    const bool quiet = value < 12 && value > QuietBand(limit).low && value < QuietBand(limit).high;
    const bool changed =
        value == 12 ? StepLimitMissing(&limit, now) : StepLimit(&limit, static_cast<double>(value), now);
    model.See(value == 12 ? std::nan("") : value, now);
    Require(limit.state == model.state());
    Require(limit.failed_reads == model.failed());
    Require(changed || limit.state == before);
    // A value in the quiet band may be left out, and a dwell ends exactly when it says.
    Require(!quiet || !changed);
    if (due <= now && limit.state == before && value < 12 && before == LimitState::kPending) Require(false);
    Require(DwellEnd(limit) >= now || limit.state == LimitState::kClear || limit.lost() || DwellEnd(limit) != kNever);
  }
}

// ---- a guard
// ---------------------------------------------------------------------------------------------------------

void GuardTarget(Input input) {
  GuardSpec spec;
  spec.all = input.Take(1) == 1;
  spec.min_hold = input.Take(5);
  const uint32_t count = 1 + input.Take(2);
  Guard guard(nullptr, spec, count);
  for (uint32_t i = 0; i < count; i++) {
    GuardLimit& limit = guard.limit(i);
    limit.guard = &guard;
    limit.on_missing = static_cast<OnMissing>(input.Take(2));
    limit.limit.spec = {5, 3, input.Take(3), input.Take(3), true};
  }
  uint64_t now = 1000;
  bool was_breached = false, was_lost = false;
  uint32_t breaches = 0;
  uint64_t breached_at = 0;
  for (int steps = 0; !input.done() && steps < 300; steps++) {
    now += input.Take(3);
    for (uint32_t i = 0; i < count; i++) {
      const uint32_t value = input.Take(9);
      if (value == 9) continue;
      guard.limit(i).Step(value == 8 ? std::nan("") : value, now);
    }
    const bool edge = guard.Judge(now);
    // The same by counting.
    uint32_t voters = 0, guilty = 0, missing = 0;
    for (uint32_t i = 0; i < count; i++) {
      const GuardLimit& each = guard.limit(i);
      const bool lost = each.limit.failed_reads > 1 ||
                        (each.limit.failed_reads == 1 &&
                         (each.limit.state == LimitState::kClear || each.on_missing == OnMissing::kBreach));
      if (lost && each.on_missing == OnMissing::kIgnore) continue;
      voters++;
      if (lost && each.on_missing == OnMissing::kUnavailable) missing++;
      if (lost ? each.on_missing == OnMissing::kBreach : each.limit.breached()) guilty++;
    }
    bool breached = spec.all ? voters > 0 && guilty == voters : guilty > 0;
    if (breached && !was_breached) {
      breached_at = now;
      breaches++;
    }
    if (!breached && was_breached && now - breached_at < spec.min_hold) {
      breached = true;
      Require(guard.hold_end() == breached_at + spec.min_hold);
    } else {
      Require(guard.hold_end() == kNever);
    }
    const bool lost = !breached && missing > 0;
    Require(guard.breached() == breached);
    Require((guard.state() == LimitState::kUnavailable) == lost);
    Require(guard.breaches() == breaches);
    Require(edge == (breached != was_breached || lost != was_lost));
    was_breached = breached;
    was_lost = lost;
  }
}

// ---- a grid of beats
// -------------------------------------------------------------------------------------------------

void GridTarget(Input input) {
  uint64_t period = 1 + input.Take(20);
  uint64_t now = 1000;
  Grid grid(now + period, period);
  // The model counts one beat after the other.
  uint64_t next = now + period, index = 0;
  for (int steps = 0; !input.done() && steps < 300; steps++) {
    now += input.Take(60);
    switch (input.Take(3)) {
      case 0: {
        const uint64_t changed = 1 + input.Take(20);
        if (next > now) {
          const uint64_t last = next - period;
          next = last + changed > now ? last + changed : now;
        }
        period = changed;
        grid.SetPeriod(changed, now);
        break;
      }
      case 1: {
        const uint64_t earliest = now + input.Take(30);
        if (next < earliest) next = earliest;
        grid.NotBefore(earliest);
        break;
      }
      default: {
        uint64_t after = next;
        while (after <= now) after += period;
        Require(grid.After(now) == after);
        Beats beats;
        for (; next <= now; next += period) {
          beats.count++;
          beats.index = index++;
          beats.due = next;
        }
        const Beats taken = grid.Take(now);
        Require(taken.count == beats.count);
        if (beats.count > 0) Require(taken.index == beats.index && taken.due == beats.due);
      }
    }
    Require(grid.next() == next && grid.period() == period);
  }
}

// ---- a series of counters
// --------------------------------------------------------------------------------------------

void SeriesTarget(Input input) {
  constexpr Metric kMetric = Metric::kCpu;
  const uint64_t window = (1 + input.Take(15)) * 100 * kMillisecond;
  Series series(kMetric, window);
  struct Seen {
    uint64_t at;
    double num, den;
  };
  std::vector<Seen> seen;
  const Failure failure;
  uint64_t now = 1000 * kSecond;
  double base = 30000, num = base, den = base;
  for (int steps = 0; !input.done() && steps < 300; steps++) {
    const uint64_t passed = input.Take(30) * 10 * kMillisecond;
    now += passed;
    Reading reading;
    const uint32_t what = input.Take(15);
    if (what == 0) {
      reading.state = Reading::kUnavailable;
      Require(series.Absorb(reading, failure, now));
      Require(series.now().state == Value::kUnavailable && series.now().at == now);
      seen.clear();
      continue;
    }
    if (what == 1) {
      series.Reset();
      seen.clear();
      continue;
    }
    // Counters that were reset are lower than ever before: this shows, whichever reading they are compared with.
    if (what == 2) num = den = base -= 100;
    den += ToSeconds(passed);
    num += ToSeconds(passed) * input.Take(10) / 10;
    if (what == 2) seen.clear();
    seen.push_back({now, num, den});
    reading.state = Reading::kKnown;
    reading.parts = 1;
    reading.num[0] = num;
    reading.den[0] = den;
    const bool fresh = series.Absorb(reading, failure, now);
    if (!fresh || series.now().state != Value::kKnown) continue;
    Require(series.now().at == now);
    // There is a value only over a whole window...
    Require(now - seen.front().at >= window - window / 64);
    // ...and it lies between the slowest and the fastest stretch since the counters began.
    double least = 1, most = 0;
    for (size_t i = seen.size(); i-- > 1;) {
      const double grown = seen[i].den - seen[i - 1].den;
      if (grown <= 0) continue;
      least = std::fmin(least, (seen[i].num - seen[i - 1].num) / grown);
      most = std::fmax(most, (seen[i].num - seen[i - 1].num) / grown);
    }
    Require(series.now().value >= 100 * least - 1e-6 && series.now().value <= 100 * most + 1e-6);
  }
}

// ---- the governor
// ----------------------------------------------------------------------------------------------------

void GovernorTarget(Input input) {
  Governor governor;
  uint64_t now = 1000 * kSecond, cpu = 0;
  governor.Begin(now, cpu);
  double unused = 50.0 * kMillisecond;
  uint64_t judged_at = now, judged_cpu = 0, wakeups = 0, reading = 0;
  for (int steps = 0; !input.done() && steps < 2000; steps++) {
    now += (1 + input.Take(50)) * kMillisecond;
    const uint64_t cost = input.Take(40) * 10'000;
    const bool read = input.Take(3) > 0;
    cpu += cost;
    governor.CountWakeup(read);
    wakeups++;
    if (read) reading++;
    const double before = governor.stretch();
    const bool due = wakeups >= 64 || (before > 1 && now - judged_at >= kSecond);
    Require(governor.IsDue(now) == due);
    if (due) {
      const double used = ToNumber(cpu - judged_cpu) * static_cast<double>(reading) / static_cast<double>(wakeups);
      const double allowed = ToNumber(now - judged_at) / 200;
      unused = std::fmin(50.0 * kMillisecond, std::fmax(0, unused + allowed - used));
      governor.Judge(now, cpu);
      // While anything is saved, nothing is stretched; once that has begun, a second's budget has to be saved first.
      const bool affords = unused > (before > 1 ? kSecond / 200.0 : 0);
      Require(affords ? governor.stretch() == 1 : governor.stretch() >= 1 && governor.stretch() <= 64);
      // What costs more than it may is read less often.
      if (!affords && used > allowed && before < 64) Require(governor.stretch() > before);
      judged_at = now;
      judged_cpu = cpu;
      wakeups = reading = 0;
    }
    Require(governor.stretch() >= 1);
  }
}

constexpr Target kTargets[] = {
    {"limit", LimitTarget},   {"guard", GuardTarget},       {"grid", GridTarget},
    {"series", SeriesTarget}, {"governor", GovernorTarget},
};

}  // namespace
}  // namespace tripline::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const tripline::fuzz::Target* const target = tripline::fuzz::Chosen(tripline::fuzz::kTargets);
  target->run(tripline::fuzz::Input(data, size));
  return 0;
}
