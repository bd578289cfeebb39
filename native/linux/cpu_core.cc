// cpu.core: the lines of single CPUs in /proc/stat, for the CPUs that this process may use.
#include <cerrno>

#include "linux/affinity.h"
#include "linux/families.h"
#include "linux/file.h"
#include "linux/parse/stat.h"
#include "port/busiest_core.h"
#include "util/counter.h"

namespace tripline {
namespace {

// Ticks that never go backwards, although single counters of the kernel do.
struct Core {
  CpuTimes last;
  uint64_t round = 0;  // in which the CPU was last listed
  double busy = 0, all = 0;

  void Take(const CpuTimes& now) {
    for (int i = 0; i < CpuTimes::kFields; i++) {
      const double grown = ToDouble(SaturatingDifference(now.of[i], last.of[i]));
      all += grown;
      if (i != CpuTimes::kIdle && i != CpuTimes::kIowait) busy += grown;
    }
  }
};

class CpuCoreProbe final : public Probe {
 public:
  CpuCoreProbe() { stat_.SetPath(roots_.proc.get(), "/stat"); }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    if (!busiest_.IsDue(now)) return;
    Buffer* buffer = SharedBuffer();
    if (!stat_.Read(now, buffer)) return stat_.SetUnavailable(wanted, stat_.HintOfMachine(), out);
    // The affinity is that of this machine. HOST_PROC may show another machine, or all of this one.
    if (!roots_.other_proc && (affinity_at_ == 0 || now - affinity_at_ >= kSecond)) {
      affinity_at_ = now;
      affinity_.Read();
    }
    busiest_.Begin(now);
    round_++;
    uint32_t number = 0;
    CpuTimes times;
    for (CpuLines lines(buffer->data(), buffer->size); lines.Next(&number, &times);) {
      if (!times.IsZero() && affinity_.Has(number)) Take(number, times);
    }
    busiest_.Report(wanted, out);
  }

  const char* Origin(Metric) const override { return stat_.path(); }

 private:
  void Take(uint32_t number, const CpuTimes& times) {
    while (cores_.size() <= number) cores_.push_back(Core());
    Core& core = cores_[number];
    // The counters of a CPU that was offline may have started again.
    if (core.round == round_ - 1) core.Take(times);
    core.last = times;
    core.round = round_;
    busiest_.Add(number, core.busy, core.all);
  }

  const Roots roots_;
  File stat_;
  Affinity affinity_;
  uint64_t affinity_at_ = 0;
  uint64_t round_ = 1;
  List<Core> cores_;  // by number
  BusiestCore busiest_;
};

}  // namespace

Probe* MakeCpuCoreProbe(Failure*) { return new CpuCoreProbe(); }

}  // namespace tripline
