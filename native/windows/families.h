// The probes of this OS, one per family of metrics.def; families.cc chooses among them.
#pragma once

#include "port/probe.h"

namespace tripline {

Probe* MakeCpuProbe(Failure* why);
Probe* MakeCpuCoreProbe(Failure* why);
Probe* MakeLoadProbe(Failure* why);
Probe* MakeMemoryProbe(Failure* why);
Probe* MakeDiskProbe(const Selector& selector, Failure* why);
Probe* MakeDiskIoProbe(const Selector& selector, Failure* why);
Probe* MakeNetworkProbe(const Selector& selector, Failure* why);
Probe* MakePowerProbe(Failure* why);
Probe* MakeGpuProbe(const Selector& selector, Failure* why);
Probe* MakePidsProbe(Failure* why);
Probe* MakeSocketsProbe(Failure* why);
Probe* MakeProcessProbe(const Selector& selector, Failure* why);
// nullptr where `pid` is not that of a command under run.
Probe* MakeJobProbe(int64_t pid);

}  // namespace tripline
