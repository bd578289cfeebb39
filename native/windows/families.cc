// Which probe serves which family on Windows, and why a metric is missing.
#include "windows/families.h"

namespace tripline {

const Systems kThisSystem = kWindows;

const char* WhyMissing(Metric metric) {
  switch (metric) {
    case Metric::kCpuSteal: return "Windows does not show what the hypervisor takes";
    case Metric::kCpuIowait: return "Windows does not count time that waits for I/O";
    case Metric::kCpuThrottled: return "Windows does not count how long the cap of a job holds it back";
    case Metric::kSwapRate: return "Windows counts reads of the page file and of mapped files as one";
    case Metric::kMemoryOomKills: return "Windows ends no process for want of memory";
    case Metric::kPressureCpu:
    case Metric::kPressureMemory:
    case Metric::kPressureIo:
    case Metric::kPressureCpuFull:
    case Metric::kPressureMemoryFull:
    case Metric::kPressureIoFull: return "Windows does not measure stalls";
    case Metric::kDiskInodes: return "file systems of Windows have no limit on the number of files";
    case Metric::kTemperature:
    case Metric::kThrottled: return "Windows shows temperatures to drivers and administrators only";
    case Metric::kUndervoltage: return "only the firmware of a Raspberry Pi reports a supply that is too weak";
    case Metric::kProcessFds: return "Windows has no limit on handles that a program could reach";
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
    case Family::kDiskIo: return MakeDiskIoProbe(selector, why);
    case Family::kNetwork: return MakeNetworkProbe(selector, why);
    case Family::kPower: return MakePowerProbe(why);
    case Family::kGpu: return MakeGpuProbe(selector, why);
    case Family::kPids: return MakePidsProbe(why);
    case Family::kSockets: return MakeSocketsProbe(why);
    case Family::kProcess: return MakeProcessProbe(selector, why);
    default: why->Set("this operating system has no such figure"); return nullptr;
  }
}

}  // namespace tripline
