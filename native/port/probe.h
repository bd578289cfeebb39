// The interface that every probe implements: native code that reads one family of kernel sources and yields the
// metrics that it holds. One folder per OS implements MakeProbe() and WhyMissing(); this header is their specification.
#pragma once

#include <cstdint>
#include <memory>

#include "port/metrics.h"

namespace tripline {

class Environment;

// Narrows a metric to one thing; its scope (metrics.h) says which field counts, the others keep their defaults.
struct Selector {
  const char* name = "";  // Path, Zone: empty is the default. Owned by the caller, copied where it is kept.
  int64_t pid = 0;        // Process: 0 is this process.
  bool tree = false;      // Process: the pid and all its descendants, summed.
  Environment* environment = nullptr;  // Environment: the one that asks. Always set.
};

// Human-readable reason why a metric is unavailable: "open /proc/pressure/cpu: ENOENT (kernel without PSI)".
struct Failure {
  // Not all of its bytes are cleared: that would be done in a hundred places.
  Failure() { text[0] = '\0'; }

  char text[160];

  bool failed() const { return text[0] != '\0'; }
  // "<call> <subject>: <name of the errno> (<hint>)"; subject and hint may be empty.
  void SetErrno(const char* call, const char* subject, int error, const char* hint);
  void Set(const char* message);
};

// The most counter pairs that one ratio metric is the maximum of: the CPUs and the quotas up the cgroup chain.
constexpr uint32_t kMaxParts = 8;

// What one read says of one metric.
struct Reading {
  enum State : uint8_t {
    kAbsent,  // not asked for, or nothing new since the last read: the series keeps what it has
    kKnown,
    kUnavailable,
  };
  State state = kAbsent;
  uint8_t parts = 0;
  // kLevel: the value.
  double level = 0;
  // kRatio: cumulative pairs since the probe was made; the value is the largest 100 * d(num)/d(den).
  // kRate: num is the cumulative amount and den cumulative seconds.
  // Neither may go backwards: a probe clamps what its kernel counter loses.
  double num[kMaxParts] = {};
  double den[kMaxParts] = {};
};

// One reading per metric; a probe fills in those of `wanted` that it has.
struct Readings {
  Reading of[kMetricCount];
  Failure failure;  // of the metrics that are kUnavailable

  Reading& operator[](Metric metric) { return of[static_cast<uint32_t>(metric)]; }
  void SetLevel(Metric metric, double value) {
    Reading& reading = (*this)[metric];
    reading.state = Reading::kKnown;
    reading.level = value;
  }
};

inline bool Wants(MetricMask wanted, Metric metric) { return (wanted & MaskOf(metric)) != 0; }

// Takes back what `out` says of `metrics`, and why.
void ClearReadings(MetricMask metrics, Readings* out);

// Marks `metrics` as unavailable; the first failure of a read is the one that is reported.
void SetUnavailable(MetricMask metrics, const Failure& why, Readings* out);

// Marks `metrics` as unavailable because the process that they are of has ended.
void SetEnded(int64_t pid, MetricMask metrics, Readings* out);

// The cumulative pair of a ratio or rate that is made of one.
void SetPair(Metric metric, double num, double den, Readings* out);

class Probe {
 public:
  Probe() = default;
  virtual ~Probe() = default;
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // Reads what `wanted` needs and nothing else. Called with the sampler's lock held, by the sampling thread, or by a
  // JavaScript thread for the first read of a new series; from a helper thread where blocking() is true. No
  // allocation, no locale. A source of several files leaves alone those whose own minimum period has not passed.
  // `now` is MonotonicNow().
  virtual void Read(uint64_t now, MetricMask wanted, Readings* out) = 0;

  // Where the last value of `metric` was read: "/sys/fs/cgroup/memory.current". Valid until the next Read().
  virtual const char* Origin(Metric metric) const = 0;

  // The same where the value is that of one part of a ratio: Reading::num[part] / Reading::den[part].
  virtual const char* OriginOf(Metric metric, uint32_t part) const {
    (void)part;
    return Origin(metric);
  }

  // The fastest that the value of `metric` can credibly move towards a limit, in its unit per second; 0 where that
  // is not known. The sampler stretches its period by it.
  virtual double MaxSlope(Metric metric) const {
    (void)metric;
    return 0;
  }

  // The shortest time in milliseconds in which the source of `metric` can say something new. Asked after each Read(),
  // because it may depend on which file decides.
  virtual uint32_t MinPeriodMs(Metric metric) const { return InfoOf(metric).min_period_ms; }

  // Whether it finds by itself again what it has lost. Any other is made anew after a while without figures.
  virtual bool recovers() const { return false; }

  // Whether Read() may hang: then it is only called from a helper thread, with a time limit.
  virtual bool blocking() const { return false; }
};

// A new `P` that has been opened with these, the last of which says why not where it is nullptr.
template <typename P, typename... Arguments>
Probe* OpenProbe(Arguments&&... arguments) {
  std::unique_ptr<P> probe(new P());
  return probe->Open(arguments...) ? probe.release() : nullptr;
}

// ---- implemented by each OS folder ---------------------------------------------------------------------------------

// This system, of those that a row of metrics.def may name.
extern const Systems kThisSystem;

inline bool IsHere(Metric metric) { return (InfoOf(metric).systems & kThisSystem) != 0; }

// Why this system never has `metric`. Only for one that IsHere() denies.
const char* WhyMissing(Metric metric);

// A new probe for the metrics of `family` that are here, or nullptr and why. Opens what it needs, reads nothing. Owned
// by the caller.
Probe* MakeProbe(Family family, const Selector& selector, Failure* why);

}  // namespace tripline
