#include "linux/families.h"

namespace tripline {

namespace {

enum Family : int {
  kCpu,
  kLoad,
  kMemory,
  kPressure,
  kDisk,
  kDiskIo,
  kNetwork,
  kTemperature,
  kThrottled,
  kPower,
  kProcess
};

}  // namespace

int FamilyOf(Metric metric) {
  switch (metric) {
    case Metric::kCpu:
    case Metric::kCpuHost:
    case Metric::kCpuSteal:
    case Metric::kCpuIowait:
    case Metric::kCpuThrottled: return kCpu;
    case Metric::kLoad: return kLoad;
    case Metric::kMemory:
    case Metric::kMemoryAvailable:
    case Metric::kMemoryHost:
    case Metric::kSwap:
    case Metric::kSwapRate: return kMemory;
    case Metric::kPressureCpu:
    case Metric::kPressureMemory:
    case Metric::kPressureIo:
    case Metric::kPressureCpuFull:
    case Metric::kPressureMemoryFull:
    case Metric::kPressureIoFull: return kPressure;
    case Metric::kDisk:
    case Metric::kDiskFree:
    case Metric::kDiskInodes: return kDisk;
    case Metric::kDiskRead:
    case Metric::kDiskWrite:
    case Metric::kDiskBusy: return kDiskIo;
    case Metric::kNetworkRx:
    case Metric::kNetworkTx: return kNetwork;
    case Metric::kTemperature: return kTemperature;
    case Metric::kThrottled: return kThrottled;
    case Metric::kBattery:
    case Metric::kPowerOnline: return kPower;
    case Metric::kProcessCpu:
    case Metric::kProcessRss:
    case Metric::kProcessFootprint:
    case Metric::kProcessThreads:
    case Metric::kProcessFds:
    case Metric::kProcessCount:
    case Metric::kProcessCpuTime: return kProcess;
    default: return -1;
  }
}

SelectorUse SelectorUseOf(int family) {
  return {family == kDisk || family == kDiskIo, family == kTemperature, family == kProcess};
}

Probe* MakeProbe(int family, const Selector& selector, Failure* why) {
  switch (family) {
    case kCpu: return MakeCpuProbe(why);
    case kLoad: return MakeLoadProbe(why);
    case kMemory: return MakeMemoryProbe(why);
    case kPressure: return MakePressureProbe(why);
    case kDisk: return MakeDiskProbe(selector, why);
    case kDiskIo: return MakeDiskIoProbe(selector, why);
    case kNetwork: return MakeNetworkProbe(why);
    case kTemperature: return MakeTemperatureProbe(selector, why);
    case kThrottled: return MakeThrottledProbe(why);
    case kPower: return MakePowerProbe(why);
    case kProcess: return MakeProcessProbe(selector, why);
    default: why->Set("this system does not have the metric"); return nullptr;
  }
}

}  // namespace tripline
