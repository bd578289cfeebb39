#include "families.h"

namespace tripline {
namespace {

enum Family : int { kCpu, kLoad, kMemory, kDisk, kDiskIo, kNetwork, kPower, kProcess };

}  // namespace

// Windows has no pressure, no inodes, no stolen or waiting processor time, and no temperature for ordinary users; its
// paging counters mix the page file with mapped files, so it has no rate of swapping.
int FamilyOf(Metric metric) {
  switch (metric) {
    case Metric::kCpu:
    case Metric::kCpuHost:
      return kCpu;
    case Metric::kLoad:
      return kLoad;
    case Metric::kMemory:
    case Metric::kMemoryAvailable:
    case Metric::kMemoryHost:
    case Metric::kSwap:
      return kMemory;
    case Metric::kDisk:
    case Metric::kDiskFree:
      return kDisk;
    case Metric::kDiskRead:
    case Metric::kDiskWrite:
    case Metric::kDiskBusy:
      return kDiskIo;
    case Metric::kNetworkRx:
    case Metric::kNetworkTx:
      return kNetwork;
    case Metric::kBattery:
    case Metric::kPowerOnline:
      return kPower;
    case Metric::kProcessCpu:
    case Metric::kProcessRss:
    case Metric::kProcessFootprint:
    case Metric::kProcessThreads:
      return kProcess;
    default:
      return -1;
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
    default:
      why->Set("this system does not have the metric");
      return nullptr;
  }
}

}  // namespace tripline
