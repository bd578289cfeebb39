#include "sampler/series.h"

#include "port/platform.h"

namespace tripline {
namespace {

// The growth of one pair as the metric's kind wants it; negative where the pair has not moved.
double Quotient(Kind kind, double num, double den) {
  if (den <= 0) return -1;
  const double quotient = num / den;
  return kind == kRatio ? 100 * quotient : quotient;
}

}  // namespace

bool CounterWindow::Advance(const Reading& reading, Kind kind, uint64_t now, uint64_t window, double* value) {
  if (count_ > 0 && Oldest(count_ - 1).parts != reading.parts) Reset();

  // The youngest mark that is a window old. Where reads are frequent, marks lie an eighth of a window apart, so that is
  // also how much the effective window may exceed the one asked for.
  // Older ones will not be wanted again.
  const auto is_old = [&](const Mark& mark) { return now - mark.at >= window - window / 64; };
  while (count_ > 1 && is_old(Oldest(1))) count_--;
  const Mark* base = count_ > 0 && is_old(Oldest(0)) ? &Oldest(0) : nullptr;

  double largest = -1;
  if (base != nullptr) {
    for (uint32_t i = 0; i < reading.parts; i++) {
      const double part = Quotient(kind, reading.num[i] - base->num[i], reading.den[i] - base->den[i]);
      if (part > largest) largest = part;
    }
  }
  if (count_ == 0 || now - Oldest(count_ - 1).at >= window / 8) Push(reading, now);
  if (largest < 0) return false;
  *value = largest;
  return true;
}

void CounterWindow::Push(const Reading& reading, uint64_t now) {
  Mark& mark = marks_[next_];
  mark.at = now;
  mark.parts = reading.parts;
  for (uint32_t i = 0; i < reading.parts; i++) {
    mark.num[i] = reading.num[i];
    mark.den[i] = reading.den[i];
  }
  next_ = (next_ + 1) % kMarks;
  if (count_ < kMarks) count_++;
}

Series::Series(Metric metric, uint64_t window)
    : metric_(metric), window_(window != 0 ? window : InfoOf(metric).window_ms * kMillisecond) {}

bool Series::Absorb(const Reading& reading, const Failure& failure, uint64_t now) {
  if (reading.state == Reading::kAbsent) return false;
  if (reading.state == Reading::kUnavailable) {
    counters_.Reset();
    recent_count_ = 0;
    failure_ = failure;
    value_.at = now;
    value_.state = Value::kUnavailable;
    return true;
  }
  double value = reading.level;
  if (kind() != kLevel && !counters_.Advance(reading, kind(), now, window_, &value)) {
    const bool lost = value_.state == Value::kUnavailable;
    if (lost) value_.state = Value::kUnknown;
    return lost;
  }
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
