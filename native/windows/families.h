// The probes of this OS; families.cc tells which metric belongs to which.
#pragma once

#include "probe.h"

namespace tripline {

Probe* MakeCpuProbe(Failure* why);
Probe* MakeLoadProbe(Failure* why);
Probe* MakeMemoryProbe(Failure* why);
Probe* MakeDiskProbe(const Selector& selector, Failure* why);
Probe* MakeDiskIoProbe(const Selector& selector, Failure* why);
Probe* MakeNetworkProbe(Failure* why);
Probe* MakePowerProbe(Failure* why);
Probe* MakeProcessProbe(const Selector& selector, Failure* why);
// nullptr where `pid` is no command of ours.
Probe* MakeJobProbe(int64_t pid);

inline bool Wants(MetricMask wanted, Metric metric) { return (wanted & MaskOf(metric)) != 0; }

// Marks `metric` as unavailable if it is wanted; the first failure of a read is the one that is told.
inline void SetUnavailable(MetricMask wanted, Metric metric, const Failure& why, Readings* out) {
  if (!Wants(wanted, metric)) return;
  (*out)[metric].state = Reading::kUnavailable;
  if (!out->failure.failed()) out->failure = why;
}

// One pair of a ratio or rate.
inline void SetPair(MetricMask wanted, Metric metric, double num, double den, Readings* out) {
  if (!Wants(wanted, metric)) return;
  Reading& reading = (*out)[metric];
  reading.state = Reading::kKnown;
  reading.parts = 1;
  reading.num[0] = num;
  reading.den[0] = den;
}

}  // namespace tripline
