#include "linux/families.h"

namespace tripline {

const Systems kThisSystem = kLinux;

const char* WhyMissing(Metric metric) {
  (void)metric;
  return "this operating system has no such figure";
}

Probe* MakeProbe(Family family, const Selector& selector, Failure* why) {
  switch (family) {
    case Family::kCpu: return MakeCpuProbe(why);
    case Family::kCpuCore: return MakeCpuCoreProbe(why);
    case Family::kLoad: return MakeLoadProbe(why);
    case Family::kMemory: return MakeMemoryProbe(why);
    case Family::kOomKills: return MakeOomKillsProbe(why);
    case Family::kPids: return MakePidsProbe(why);
    case Family::kSockets: return MakeSocketsProbe(why);
    case Family::kUndervoltage: return MakeUndervoltageProbe(why);
    case Family::kPressure: return MakePressureProbe(selector, why);
    case Family::kDisk: return MakeDiskProbe(selector, why);
    case Family::kDiskIo: return MakeDiskIoProbe(selector, why);
    case Family::kNetwork: return MakeNetworkProbe(selector, why);
    case Family::kTemperature: return MakeTemperatureProbe(selector, why);
    case Family::kThrottled: return MakeThrottledProbe(why);
    case Family::kPower: return MakePowerProbe(why);
#ifdef TRIPLINE_WITHOUT_GPU
    // Left out of the release binary for ARMv6: no machine with such a CPU has a GPU that these metrics support.
    case Family::kGpu: why->Set("the addon for ARMv6 reads no GPU; the one for ARMv7 does"); return nullptr;
#else
    case Family::kGpu: return MakeGpuProbe(selector, why);
#endif
    case Family::kProcess: return MakeProcessProbe(selector, why);
    default: why->Set("this operating system has no such figure"); return nullptr;
  }
}

}  // namespace tripline
