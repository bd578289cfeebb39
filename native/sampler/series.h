// A series: one metric of one selector over one averaging window, from readings to values. No clock, no OS.
#pragma once

#include <cstdint>

#include "port/metrics.h"
#include "port/probe.h"

namespace tripline {

constexpr uint32_t kRecent = 8;

// The current state of a series.
struct Value {
  enum State : uint8_t { kUnknown, kKnown, kUnavailable };
  State state = kUnknown;
  double value = 0;
  uint64_t at = 0;
};

// Turns cumulative counters into shares and rates over a window.
class CounterWindow {
 public:
  // Yields no value while too little time has passed since the first reading, instead of 0 or an average since boot.
  bool Advance(const Reading& reading, Kind kind, uint64_t now, uint64_t window, double* value);

  // Which part of the reading the last value came from: the one with the largest share.
  uint32_t part() const { return part_; }

  // Forgets everything: an average over a suspend or a long gap would say nothing about now.
  void Reset() { count_ = 0; }

 private:
  struct Mark {
    uint64_t at = 0;
    uint8_t parts;
    double num[kMaxParts];
    double den[kMaxParts];
  };
  static constexpr uint32_t kMarks = 16;

  // Whether these counters continue those of the newest mark, without a reset.
  bool Continues(const Reading& reading) const;
  const Mark& Oldest(uint32_t index) const { return marks_[(next_ - count_ + index) % kMarks]; }
  const Mark& Newest() const { return marks_[(next_ - 1) % kMarks]; }
  void Push(const Reading& reading, uint64_t now);

  Mark marks_[kMarks];
  uint32_t part_ = 0;
  uint32_t next_ = 0;  // the mark to write next, modulo kMarks
  uint32_t count_ = 0;
};

class Series {
 public:
  // `window` in nanoseconds; 0 takes the metric's own.
  Series(Metric metric, uint64_t window);

  Metric metric() const { return metric_; }
  Kind kind() const { return InfoOf(metric_).kind; }
  uint64_t window() const { return window_; }
  // Whether its values are percentages of a whole, and so between 0 and 100.
  bool share() const { return share_; }
  const Value& now() const { return value_; }
  const Failure& failure() const { return failure_; }

  // Adds what a probe has read. True if there is a new value, or if the value was lost. Shares are limited to 0 to 100.
  bool Absorb(const Reading& reading, const Failure& failure, uint64_t now);

  // The part of a ratio that the newest value comes from; 0 for other metrics.
  uint32_t part() const { return counters_.part(); }

  // Drops baselines without losing the newest value.
  void Reset() { counters_.Reset(); }

  // The last values, oldest first; returns how many were written, kRecent at most.
  uint32_t CopyRecent(double* out) const;

 private:
  void Lose(const Failure& failure, uint64_t now);

  const Metric metric_;
  const uint64_t window_;
  const bool share_;
  Value value_;
  Failure failure_;
  CounterWindow counters_;
  double recent_[kRecent];
  uint32_t recent_count_ = 0;
};

}  // namespace tripline
