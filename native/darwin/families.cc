// Which probe serves which family on macOS, and why a metric is missing.
#include "darwin/families.h"

#include <stdio.h>

namespace tripline {

const Systems kThisSystem = kMacos;

void SetMachError(const char* call, int error, Failure* why) {
  snprintf(why->text, sizeof(why->text), "%s: kern_return_t %d", call, error);
}

const char* WhyMissing(Metric metric) {
  switch (metric) {
    case Metric::kCpuSteal: return "macOS does not show what a hypervisor takes";
    case Metric::kCpuIowait: return "macOS does not count time that waits for I/O";
    case Metric::kCpuThrottled: return "macOS has no quotas of CPU time";
    case Metric::kMemoryOomKills: return "macOS does not count what it ends for want of memory";
    case Metric::kMemoryProcesses: return "macOS has no memory groups of processes";
    case Metric::kPids: return "macOS has no groups of processes with a limit";
    case Metric::kPressureCpu:
    case Metric::kPressureMemory:
    case Metric::kPressureIo:
    case Metric::kPressureCpuFull:
    case Metric::kPressureMemoryFull:
    case Metric::kPressureIoFull: return "macOS does not measure stalls";
    case Metric::kDiskRead:
    case Metric::kDiskWrite:
    case Metric::kDiskOperations:
    case Metric::kDiskLatency:
    case Metric::kDiskBusy: return "macOS counts device I/O in IOKit only, which is not linked";
    case Metric::kGpu:
    case Metric::kGpuMemoryAvailable:
    case Metric::kGpuTemperature: return "macOS shows GPUs in IOKit only, which is not linked";
    case Metric::kUndervoltage: return "only the firmware of a Raspberry Pi reports a supply that is too weak";
    case Metric::kTemperature: return "macOS has no public interface for temperatures";
    case Metric::kBattery:
    case Metric::kPowerOnline: return "macOS shows power in IOKit only, which is not linked";
    default: return "this operating system has no such figure";
  }
}

Probe* MakeProbe(Family family, const Selector& selector, Failure* why) {
  switch (family) {
    case Family::kCpu: return MakeCpuProbe(why);
    case Family::kCpuCore: return MakeCpuCoreProbe(why);
    case Family::kLoad: return MakeLoadProbe(why);
    case Family::kMemory: return MakeMemoryProbe(why);
    case Family::kDisk: return MakeDiskProbe(selector, why);
    case Family::kNetwork: return MakeNetworkProbe(selector, why);
    case Family::kThrottled: return MakeThrottledProbe(why);
    case Family::kSockets: return MakeSocketsProbe(why);
    case Family::kProcess: return MakeProcessProbe(selector, why);
    default: why->Set("this operating system has no such figure"); return nullptr;
  }
}

}  // namespace tripline
