#include "darwin/families.h"

#include <stdio.h>

namespace tripline {
namespace {

enum Family : int {
  kCpu,
  kLoad,
  kMemory,
  kDisk,
  kNetwork,
  kThrottled,
  kProcess,
  // What macOS does not have, or not in its system library, so that it can say why.
  kStolen,
  kWaiting,
  kQuota,
  kPressure,
  kDevice,
  kTemperature,
  kPower,
};

}  // namespace

void SetMachError(const char* call, int error, Failure* why) {
  snprintf(why->text, sizeof(why->text), "%s: kern_return_t %d", call, error);
}

int FamilyOf(Metric metric) {
  switch (metric) {
    case Metric::kCpu:
    case Metric::kCpuHost: return kCpu;
    case Metric::kLoad: return kLoad;
    case Metric::kMemory:
    case Metric::kMemoryAvailable:
    case Metric::kMemoryHost:
    case Metric::kSwap:
    case Metric::kSwapRate: return kMemory;
    case Metric::kDisk:
    case Metric::kDiskFree:
    case Metric::kDiskInodes: return kDisk;
    case Metric::kNetworkRx:
    case Metric::kNetworkTx: return kNetwork;
    case Metric::kThrottled: return kThrottled;
    case Metric::kProcessCpu:
    case Metric::kProcessRss:
    case Metric::kProcessFootprint:
    case Metric::kProcessThreads:
    case Metric::kProcessCount:
    case Metric::kProcessCpuTime:
    case Metric::kProcessFds: return kProcess;
    // What macOS does not have, or not in its system library, so that it can say why.
    case Metric::kCpuSteal: return kStolen;
    case Metric::kCpuIowait: return kWaiting;
    case Metric::kCpuThrottled: return kQuota;
    case Metric::kPressureCpu:
    case Metric::kPressureMemory:
    case Metric::kPressureIo:
    case Metric::kPressureCpuFull:
    case Metric::kPressureMemoryFull:
    case Metric::kPressureIoFull: return kPressure;
    case Metric::kDiskRead:
    case Metric::kDiskWrite:
    case Metric::kDiskBusy: return kDevice;
    case Metric::kTemperature: return kTemperature;
    case Metric::kBattery:
    case Metric::kPowerOnline: return kPower;
    default: return -1;
  }
}

SelectorUse SelectorUseOf(int family) { return {family == kDisk, false, family == kProcess}; }

Probe* MakeProbe(int family, const Selector& selector, Failure* why) {
  switch (family) {
    case kCpu: return MakeCpuProbe(why);
    case kLoad: return MakeLoadProbe(why);
    case kMemory: return MakeMemoryProbe(why);
    case kDisk: return MakeDiskProbe(selector, why);
    case kNetwork: return MakeNetworkProbe(why);
    case kThrottled: return MakeThrottledProbe(why);
    case kProcess: return MakeProcessProbe(selector, why);
    case kStolen: why->Set("macOS does not tell what a hypervisor takes"); break;
    case kWaiting: why->Set("macOS does not count time that waits for I/O"); break;
    case kQuota: why->Set("macOS has no quotas of CPU time"); break;
    case kPressure: why->Set("macOS does not measure stalls"); break;
    case kDevice: why->Set("macOS counts device I/O in IOKit only, which is not linked"); break;
    case kTemperature: why->Set("macOS has no public interface for temperatures"); break;
    case kPower: why->Set("macOS tells of power in IOKit only, which is not linked"); break;
    default: why->Set("this system does not have the metric"); break;
  }
  return nullptr;
}

}  // namespace tripline
