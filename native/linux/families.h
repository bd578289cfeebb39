// The probes of this OS, one per family of metrics.def; families.cc chooses among them.
#pragma once

#include "linux/parse/scan.h"
#include "port/probe.h"

namespace tripline {

Probe* MakeCpuProbe(Failure* why);
Probe* MakeCpuCoreProbe(Failure* why);
Probe* MakeLoadProbe(Failure* why);
Probe* MakeMemoryProbe(Failure* why);
Probe* MakeOomKillsProbe(Failure* why);
Probe* MakePidsProbe(Failure* why);
Probe* MakeSocketsProbe(Failure* why);
Probe* MakeUndervoltageProbe(Failure* why);
Probe* MakePressureProbe(const Selector& selector, Failure* why);
Probe* MakeDiskProbe(const Selector& selector, Failure* why);
Probe* MakeDiskIoProbe(const Selector& selector, Failure* why);
Probe* MakeNetworkProbe(const Selector& selector, Failure* why);
Probe* MakeTemperatureProbe(const Selector& selector, Failure* why);
Probe* MakeThrottledProbe(Failure* why);
Probe* MakePowerProbe(Failure* why);
Probe* MakeGpuProbe(const Selector& selector, Failure* why);
Probe* MakeProcessProbe(const Selector& selector, Failure* why);

}  // namespace tripline
