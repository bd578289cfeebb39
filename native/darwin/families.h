// The probes of this OS, one per family of metrics.def; families.cc chooses among them.
#pragma once

#include "port/probe.h"

namespace tripline {

Probe* MakeCpuProbe(Failure* why);
Probe* MakeCpuCoreProbe(Failure* why);
Probe* MakeLoadProbe(Failure* why);
Probe* MakeMemoryProbe(Failure* why);
Probe* MakeDiskProbe(const Selector& selector, Failure* why);
Probe* MakeNetworkProbe(const Selector& selector, Failure* why);
Probe* MakeThrottledProbe(Failure* why);
Probe* MakeSocketsProbe(Failure* why);
Probe* MakeProcessProbe(const Selector& selector, Failure* why);

// "<call>: kern_return_t <number>".
void SetMachError(const char* call, int error, Failure* why);

}  // namespace tripline
