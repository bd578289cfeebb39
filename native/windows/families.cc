#include "windows/families.h"

namespace tripline {
namespace {

enum Family : int {
  kCpu,
  kLoad,
  kMemory,
  kDisk,
  kDiskIo,
  kNetwork,
  kPower,
  kProcess,
  // What Windows never has, so that it can say why.
  kStolen,
  kWaiting,
  kHeldBack,
  kSwapRate,
  kPressure,
  kInodes,
  kTemperature,
  kFds,
};

}  // namespace

int FamilyOf(Metric metric) {
  switch (metric) {
    case Metric::kCpu:
    case Metric::kCpuHost: return kCpu;
    case Metric::kLoad: return kLoad;
    case Metric::kMemory:
    case Metric::kMemoryAvailable:
    case Metric::kMemoryHost:
    case Metric::kSwap: return kMemory;
    case Metric::kDisk:
    case Metric::kDiskFree: return kDisk;
    case Metric::kDiskRead:
    case Metric::kDiskWrite:
    case Metric::kDiskBusy: return kDiskIo;
    case Metric::kNetworkRx:
    case Metric::kNetworkTx: return kNetwork;
    case Metric::kBattery:
    case Metric::kPowerOnline: return kPower;
    case Metric::kProcessCpu:
    case Metric::kProcessRss:
    case Metric::kProcessFootprint:
    case Metric::kProcessThreads:
    case Metric::kProcessCount:
    case Metric::kProcessCpuTime: return kProcess;
    // What Windows never has, so that it can say why.
    case Metric::kCpuSteal: return kStolen;
    case Metric::kCpuIowait: return kWaiting;
    case Metric::kCpuThrottled: return kHeldBack;
    case Metric::kSwapRate: return kSwapRate;
    case Metric::kPressureCpu:
    case Metric::kPressureMemory:
    case Metric::kPressureIo:
    case Metric::kPressureCpuFull:
    case Metric::kPressureMemoryFull:
    case Metric::kPressureIoFull: return kPressure;
    case Metric::kDiskInodes: return kInodes;
    case Metric::kTemperature:
    case Metric::kThrottled: return kTemperature;
    case Metric::kProcessFds: return kFds;
    default: return -1;
  }
}

SelectorUse SelectorUseOf(int family) { return {family == kDisk || family == kDiskIo, false, family == kProcess}; }

Probe* MakeProbe(int family, const Selector& selector, Failure* why) {
  switch (family) {
    case kCpu: return MakeCpuProbe(why);
    case kLoad: return MakeLoadProbe(why);
    case kMemory: return MakeMemoryProbe(why);
    case kDisk: return MakeDiskProbe(selector, why);
    case kDiskIo: return MakeDiskIoProbe(selector, why);
    case kNetwork: return MakeNetworkProbe(why);
    case kPower: return MakePowerProbe(why);
    case kProcess: return MakeProcessProbe(selector, why);
    case kStolen: why->Set("Windows does not tell what the hypervisor takes"); break;
    case kWaiting: why->Set("Windows does not count time that waits for I/O"); break;
    case kHeldBack: why->Set("Windows does not count how long the cap of a job holds it back"); break;
    case kSwapRate: why->Set("Windows counts reads of the page file and of mapped files as one"); break;
    case kPressure: why->Set("Windows does not measure stalls"); break;
    case kInodes: why->Set("file systems of Windows have no limit on the number of files"); break;
    case kTemperature: why->Set("Windows shows temperatures to drivers and administrators only"); break;
    case kFds: why->Set("Windows has no limit on handles that a program could reach"); break;
    default: why->Set("this system does not have the metric"); break;
  }
  return nullptr;
}

}  // namespace tripline
