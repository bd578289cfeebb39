// The probes of this OS; families.cc tells which metric belongs to which.
#pragma once

#include "../probe.h"
#include "parse/scan.h"

namespace tripline {

Probe* MakeCpuProbe(Failure* why);
Probe* MakeLoadProbe(Failure* why);
Probe* MakeMemoryProbe(Failure* why);
Probe* MakePressureProbe(Failure* why);
Probe* MakeDiskProbe(const Selector& selector, Failure* why);
Probe* MakeDiskIoProbe(const Selector& selector, Failure* why);
Probe* MakeNetworkProbe(Failure* why);
Probe* MakeTemperatureProbe(const Selector& selector, Failure* why);
Probe* MakeThrottledProbe(Failure* why);
Probe* MakePowerProbe(Failure* why);
Probe* MakeProcessProbe(const Selector& selector, Failure* why);

inline double Seconds(uint64_t nanoseconds) { return Real(nanoseconds) / 1e9; }

inline bool Wants(MetricMask wanted, Metric metric) { return (wanted & MaskOf(metric)) != 0; }

// Marks `metrics` as unavailable; the first failure of a read is the one that is told.
void SetUnavailable(MetricMask metrics, const Failure& why, Readings* out);

// The cumulative pair of a ratio or rate that is made of one.
void SetPair(Metric metric, double num, double den, Readings* out);

}  // namespace tripline
