#include "families.h"

namespace tripline {

namespace {

enum Family : int { kCpu, kLoad, kMemory, kPressure, kDisk, kProcess };

}  // namespace

int FamilyOf(Metric metric) {
  switch (metric) {
    case Metric::kCpu:
    case Metric::kCpuHost:
    case Metric::kCpuSteal:
    case Metric::kCpuIowait:
    case Metric::kCpuThrottled:
      return kCpu;
    case Metric::kLoad:
      return kLoad;
    case Metric::kMemory:
    case Metric::kMemoryAvailable:
    case Metric::kMemoryHost:
    case Metric::kSwap:
      return kMemory;
    case Metric::kPressureCpu:
    case Metric::kPressureMemory:
    case Metric::kPressureIo:
      return kPressure;
    case Metric::kDisk:
    case Metric::kDiskFree:
    case Metric::kDiskInodes:
      return kDisk;
    case Metric::kProcessCpu:
    case Metric::kProcessRss:
    case Metric::kProcessThreads:
      return kProcess;
    default:
      return -1;
  }
}

SelectorUse SelectorUseOf(int family) { return {family == kDisk, false, family == kProcess}; }

Probe* MakeProbe(int family, const Selector& selector, Failure* why) {
  switch (family) {
    case kCpu: return MakeCpuProbe(why);
    case kLoad: return MakeLoadProbe(why);
    case kMemory: return MakeMemoryProbe(why);
    case kPressure: return MakePressureProbe(why);
    case kDisk: return MakeDiskProbe(selector, why);
    case kProcess: return MakeProcessProbe(selector, why);
    default:
      why->Set("this system does not have the metric");
      return nullptr;
  }
}

}  // namespace tripline
