// cpu.core: the times of each processor that this process may use (NtQuerySystemInformation).
#include "port/busiest_core.h"
#include "port/platform.h"
#include "windows/families.h"
#include "windows/processors.h"
#include "windows/win.h"

namespace tripline {
namespace {

class CpuCoreProbe final : public Probe {
 public:
  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    if (!busiest_.IsDue(now)) return;
    Failure why;
    windows::CpuTicks times[kMostProcessors];
    uint32_t count = 0;
    DWORD_PTR own = ~DWORD_PTR{0}, all = 0;
    if (GetActiveProcessorCount(ALL_PROCESSOR_GROUPS) > kMostProcessors) {
      why.Set("more processors than one group has: the others' times cannot be read");
    } else if (!ReadProcessors(times, &count)) {
      why.Set("NtQuerySystemInformation: no times of single processors");
    }
    if (why.failed()) return SetUnavailable(wanted, why, out);
    // A process that runs in several groups has no mask.
    if (!GetProcessAffinityMask(GetCurrentProcess(), &own, &all) || own == 0) own = ~DWORD_PTR{0};
    busiest_.Begin(now);
    for (uint32_t i = 0; i < count; i++) {
      if (i < 8 * sizeof(own) && (own >> i & 1) == 0) continue;
      if (i < count_) sums_[i].Add(last_[i], times[i]);
      last_[i] = times[i];
      busiest_.Add(i, sums_[i].busy, sums_[i].all);
    }
    count_ = count;
    busiest_.Report(wanted, out);
  }

  const char* Origin(Metric) const override {
    return "NtQuerySystemInformation(SystemProcessorPerformanceInformation)";
  }

 private:
  uint32_t count_ = 0;  // entries in `last_`
  windows::CpuTicks last_[kMostProcessors];
  windows::CpuSums sums_[kMostProcessors];
  BusiestCore busiest_;
};

}  // namespace

Probe* MakeCpuCoreProbe(Failure*) { return new CpuCoreProbe(); }

}  // namespace tripline
