// The interface of a probe, which reads one family of kernel sources and yields the metrics of that family. One folder
// per OS implements MakeProbe() and WhyMissing(); this header is their specification.
#pragma once

#include <cstdint>
#include <memory>

#include "port/metrics.h"
#include "util/time.h"

namespace tripline {

class Environment;

// How often a source that was lost is tried again.
constexpr uint64_t kRetry = kSecond;

// Narrows a metric to one path, zone, process or the like. The metric's scope (metrics.h) says which field counts; the
// others keep their defaults.
struct Selector {
  const char* name = "";               // Path, Zone: empty is the default. Owned by the caller; probes copy it.
  int64_t pid = 0;                     // Process: 0 is this process.
  bool tree = false;                   // Process: the pid and all its descendants, summed.
  Environment* environment = nullptr;  // Environment: that of the caller. Always set.
};

// Human-readable reason why a metric is unavailable: "open /proc/pressure/cpu: ENOENT (kernel without PSI)".
struct Failure {
  // Clears only the first byte: clearing all of them would be inlined in a hundred places.
  Failure() { Clear(); }

  char text[160];

  bool failed() const { return text[0] != '\0'; }
  void Clear() { text[0] = '\0'; }
  // "<call> <subject>: <name of the errno> (<hint>)"; subject and hint may be empty. Without an errno, what was read is
  // not understood.
  void SetErrno(const char* call, const char* subject, int error, const char* hint);
  void Set(const char* message);
};

// The largest number of counter pairs of one ratio metric: the CPUs, and each quota up the cgroup chain.
constexpr uint32_t kMaxParts = 8;

// The result of one read for one metric.
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
  // Neither may go backwards: a probe clamps a kernel counter that does.
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

// Clears the readings of `metrics` in `out`, and the failure.
void ClearReadings(MetricMask metrics, Readings* out);

// Marks `metrics` as unavailable. Only the first failure of a read is reported.
void SetUnavailable(MetricMask metrics, const Failure& why, Readings* out);
void SetUnavailable(MetricMask metrics, const char* why, Readings* out);

// Marks `metrics` as unavailable because the process they describe has ended.
void SetEnded(int64_t pid, MetricMask metrics, Readings* out);

// Sets the cumulative pair of a ratio or rate that has only one.
void SetPair(Metric metric, double num, double den, Readings* out);

class Probe {
 public:
  Probe() = default;
  virtual ~Probe() = default;
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // Reads what `wanted` needs and nothing else. Called with the sampler's lock held, by the sampling thread, or by a
  // JavaScript thread for the first read of a new series; on a helper thread where blocking() is true. Must not
  // allocate or depend on the locale. A probe of several files skips those whose own minimum period has not passed.
  // `now` is MonotonicNow().
  virtual void Read(uint64_t now, MetricMask wanted, Readings* out) = 0;

  // Where the last value of `metric` was read: "/sys/fs/cgroup/memory.current". Valid until the next Read().
  virtual const char* Origin(Metric metric) const = 0;

  // The same for one part of a ratio: Reading::num[part] / Reading::den[part].
  virtual const char* OriginOf(Metric metric, uint32_t part) const {
    (void)part;
    return Origin(metric);
  }

  // The fastest that the value of `metric` can credibly move towards a limit, in its unit per second; 0 where that is
  // not known. The sampler derives from it how long it may wait until the next read.
  virtual double MaxSlope(Metric metric) const {
    (void)metric;
    return 0;
  }

  // How fast the value of `metric` can move at the very most; 0 where that is not known. Far from its limits, a level
  // is then read less often than their guards ask for, because it cannot reach them sooner.
  virtual double Ceiling(Metric metric) const {
    (void)metric;
    return 0;
  }

  // The metrics of the last Read() whose values are asked for and come later.
  virtual MetricMask Pending() const { return 0; }

  // Nothing uses `metric` any more. What was found out about it until now does not describe a later time.
  virtual void Rest(Metric metric) { (void)metric; }

  // The shortest time in milliseconds in which the source of `metric` can change. Called after each Read(), because it
  // may depend on which file decides.
  virtual uint32_t MinPeriodMs(Metric metric) const { return InfoOf(metric).min_period_ms; }

  // Whether the probe recovers a lost source by itself. Other probes are replaced after a while without readings.
  virtual bool recovers() const { return false; }

  // Whether Read() may hang: then it is called on a helper thread only, with a time limit.
  virtual bool blocking() const { return false; }
};

// Makes a `P` and opens it with these arguments, the last of which receives the reason when the result is nullptr.
template <typename P, typename... Arguments>
Probe* OpenProbe(Arguments&&... arguments) {
  std::unique_ptr<P> probe(new P());
  return probe->Open(arguments...) ? probe.release() : nullptr;
}

// ---- implemented by each OS folder ---------------------------------------------------------------------------------

// This system, as the rows of metrics.def name it.
extern const Systems kThisSystem;

inline bool IsHere(Metric metric) { return (InfoOf(metric).systems & kThisSystem) != 0; }

// Why this system never has `metric`. Called only for metrics for which IsHere() is false.
const char* WhyMissing(Metric metric);

// Makes a probe for the metrics of `family` that this system has, or returns nullptr and why. Opens what it needs and
// reads nothing. Owned by the caller.
Probe* MakeProbe(Family family, const Selector& selector, Failure* why);

}  // namespace tripline
