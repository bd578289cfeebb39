// A monitor with one series that a test scripts, on a simulated clock.
#pragma once

#include <algorithm>
#include <cstdint>

#include "check.h"
#include "sampler/monitor.h"

namespace tripline::test {

constexpr uint32_t kCell = 8, kFlag = 40;

inline double level = 0;
inline double busy = 0, total = 0;
inline bool failing = false;
inline bool missing = false;        // there is no probe
inline uint32_t min_period_ms = 0;  // 0: that of the metric
inline double ceiling = 0;
inline double slope = 0;
inline const char* origin = "script";
inline int probes = 0;  // alive

class LevelProbe : public Probe {
 public:
  LevelProbe() { probes++; }
  ~LevelProbe() override { probes--; }
  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    for (const Metric each : {Metric::kCpu, Metric::kNetworkRx}) {
      if (Wants(wanted, each)) return SetPair(each, busy, total, out);
    }
    if (!failing) return out->SetLevel(Metric::kDisk, level);
    Failure why;
    why.Set("scripted failure");
    SetUnavailable(wanted, why, out);
  }
  const char* Origin(Metric) const override { return origin; }
  double Ceiling(Metric) const override { return ceiling; }
  double MaxSlope(Metric) const override { return slope; }
  uint32_t MinPeriodMs(Metric metric) const override {
    return min_period_ms != 0 ? min_period_ms : Probe::MinPeriodMs(metric);
  }
};

inline Probe* MakeLevel(Metric, const Selector&, Failure* why) {
  if (!missing) return new LevelProbe();
  why->Set("scripted absence");
  return nullptr;
}
inline void Nothing(void*) {}

// Runs a monitor whenever it is due, with one environment and one series.
struct World {
  Mutex lock;
  Monitor monitor{MakeLevel, nullptr, &lock, Nothing, nullptr};
  Environment environment{Nothing, nullptr};
  int32_t words[64] = {};
  StandstillWatch watch;
  uint64_t now = 1000 * kSecond;
  uint32_t series;
  Failure why;

  explicit World(Metric metric = Metric::kDisk) {
    level = 0;
    failing = missing = false;
    min_period_ms = 0;
    ceiling = slope = 0;
    busy = total = 0;
    environment.board.Attach(words, 64);
    series = monitor.Subscribe(&environment, metric, Selector(), 0, kCell, true, now, &why);
    CHECK(series != 0);
  }
  ~World() { monitor.RemoveEnvironment(&environment, now); }

  // Another series of the same environment.
  uint32_t Subscribe(Metric metric, bool must_exist = false) {
    return monitor.Subscribe(&environment, metric, Selector(), 0, kCell + 16, must_exist, now, &why);
  }
  // The limit is above 80 and clears at 72.
  uint32_t Guard(uint64_t dwell, uint64_t clear_dwell = 0, uint64_t min_hold = 0) {
    return Add(kFlag, LimitSpec{80, 72, dwell, clear_dwell, true}, 100 * kMillisecond, min_hold);
  }
  uint32_t Add(uint32_t flag, const LimitSpec& line, uint64_t within, uint64_t min_hold = 0, uint64_t interval = 0) {
    LimitRequest limit = {series, line, OnMissing::kUnavailable};
    GuardSpec spec;
    spec.within = within;
    spec.interval = interval;
    spec.min_hold = min_hold;
    spec.flag = flag;
    return monitor.AddGuard(&environment, spec, &limit, 1, now);
  }
  LimitState State(uint32_t flag = kFlag) const { return static_cast<LimitState>(words[flag] & 7); }
  Feed* feed() const { return monitor.FeedOf(series); }

  // Runs the monitor for `time` and wakes it whenever it is due.
  void Run(uint64_t time) {
    const uint64_t end = now + time;
    while (monitor.next_due() <= end) {
      watch.Sleep(now, now);
      now = std::max(now, monitor.next_due());
      Wake(false);
    }
    now = end;
  }
  // The same, while the counter grows by the given busy share of the time.
  void RunBusy(uint64_t time, double share) {
    for (uint64_t passed = 0; passed < time; passed += 10 * kMillisecond) {
      total += 1, busy += share;
      Run(10 * kMillisecond);
    }
  }
  // Simulates a standstill of `time` that begins before the next read is due.
  void Stop(uint64_t time, bool interrupted) {
    watch.Sleep(now, now);
    now += time;
    Wake(interrupted);
  }
  void Wake(bool interrupted) {
    const Standstill standstill = watch.Wake(now, monitor.next_due(), interrupted);
    if (standstill.duration > 0) monitor.Discount(standstill, now);
    monitor.Pass(now, 1);
  }
};

}  // namespace tripline::test
