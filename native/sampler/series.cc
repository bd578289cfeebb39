#include "sampler/series.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "port/platform.h"
#include "util/list.h"

namespace tripline {
namespace {

// The quotient of a pair's growth, by the metric's kind; negative if the pair has not moved.
double Quotient(Kind kind, double num, double den) {
  if (den <= 0) return -1;
  const double quotient = num / den;
  return kind == kRatio ? 100 * quotient : quotient;
}

// A percentage of a whole, unlike process.cpu, which is one of a single CPU.
bool IsShare(Metric metric) { return std::strcmp(InfoOf(metric).unit, "%") == 0 && metric != Metric::kProcessCpu; }

}  // namespace

bool CounterWindow::Continues(const Reading& reading) const {
  const Mark& last = Newest();
  if (last.parts != reading.parts) return false;
  for (uint32_t i = 0; i < reading.parts; i++) {
    if (reading.num[i] < last.num[i] || reading.den[i] < last.den[i]) return false;
  }
  return true;
}

bool CounterWindow::Advance(const Reading& reading, Kind kind, uint64_t now, uint64_t window, double* value) {
  // Counters that were reset have no connection to earlier marks. Wraps are undone by the probe.
  if (count_ > 0 && !Continues(reading)) Reset();

  // Keeps the newest mark that is at least a window old; older ones are not needed again.
  const uint64_t old = window - window / 64;
  while (count_ > 1 && now - Oldest(1).at >= old) count_--;
  const Mark& base = Oldest(0);
  const uint64_t passed = now - base.at;

  double largest = -1;
  if (count_ > 0 && passed >= old) {
    // Interpolates where the window began, between that mark and the next, so that the window has its exact length
    // whenever the reads were.
    const Mark& next = count_ > 1 ? Oldest(1) : base;
    const double share = passed > window && count_ > 1 ? ToNumber(passed - window) / ToNumber(next.at - base.at) : 0;
    for (uint32_t i = 0; i < reading.parts; i++) {
      const double num = base.num[i] + share * (next.num[i] - base.num[i]);
      const double den = base.den[i] + share * (next.den[i] - base.den[i]);
      const double part = Quotient(kind, reading.num[i] - num, reading.den[i] - den);
      if (part <= largest) continue;
      largest = part;
      part_ = i;
    }
  }
  if (count_ == 0 || now - Newest().at >= window / 8) Push(reading, now);
  if (largest < 0) return false;
  *value = largest;
  return true;
}

void CounterWindow::Push(const Reading& reading, uint64_t now) {
  Mark& mark = marks_[next_ % kMarks];
  mark.at = now;
  mark.parts = reading.parts;
  for (uint32_t i = 0; i < reading.parts; i++) {
    WITHIN_BOUNDS(i < mark.parts);
    mark.num[i] = reading.num[i];
    mark.den[i] = reading.den[i];
  }
  next_++;
  if (count_ < kMarks) count_++;
}

Series::Series(Metric metric, uint64_t window)
    : metric_(metric),
      window_(window != 0 ? window : InfoOf(metric).window_ms * kMillisecond),
      share_(IsShare(metric)) {}

void Series::Lose(const Failure& failure, uint64_t now) {
  counters_.Reset();
  recent_count_ = 0;
  failure_ = failure;
  value_.at = now;
  value_.state = Value::kUnavailable;
}

bool Series::Absorb(const Reading& reading, const Failure& failure, uint64_t now) {
  if (reading.state == Reading::kAbsent) return false;
  if (reading.state == Reading::kUnavailable) {
    Lose(failure, now);
    return true;
  }
  double value = reading.level;
  if (kind() != kLevel && !counters_.Advance(reading, kind(), now, window_, &value)) {
    const bool lost = value_.state == Value::kUnavailable;
    if (lost) value_.state = Value::kUnknown;
    return lost;
  }
  if (!std::isfinite(value)) {
    Failure no_number;
    no_number.Set("the source yields no finite number");
    Lose(no_number, now);
    return true;
  }
  // The parts of a share are not read at the same instant, so it can be slightly outside of 0 to 100.
  if (share_) value = std::max(0.0, std::min(100.0, value));
  value_.state = Value::kKnown;
  value_.value = value;
  value_.at = now;
  recent_[recent_count_++ % kRecent] = value;
  return true;
}

uint32_t Series::CopyRecent(double* out) const {
  const uint32_t count = recent_count_ < kRecent ? recent_count_ : kRecent;
  for (uint32_t i = 0; i < count; i++) out[i] = recent_[(recent_count_ - count + i) % kRecent];
  return count;
}

}  // namespace tripline
