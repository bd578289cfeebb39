// cpu.core: the times of each processor (host_processor_info). macOS cannot confine a program to some of them.
#include <mach/mach.h>

#include "darwin/convert.h"
#include "darwin/families.h"
#include "port/busiest_core.h"

namespace tripline {
namespace {

struct Core {
  darwin::CpuTicks last;
  darwin::CpuSums sums;
};

class CpuCoreProbe final : public Probe {
 public:
  // Each mach_host_self() adds a reference to the port, which can have only 65,535.
  CpuCoreProbe() : host_(mach_host_self()) {}
  ~CpuCoreProbe() override { mach_port_deallocate(mach_task_self(), host_); }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    if (!busiest_.IsDue(now)) return;
    natural_t processors = 0;
    processor_info_array_t counts = nullptr;
    mach_msg_type_number_t size = 0;
    const kern_return_t error = host_processor_info(host_, PROCESSOR_CPU_LOAD_INFO, &processors, &counts, &size);
    if (error != KERN_SUCCESS) {
      Failure why;
      SetMachError("host_processor_info", error, &why);
      return SetUnavailable(wanted, why, out);
    }
    busiest_.Begin(now);
    for (natural_t i = 0; i < processors; i++) {
      const bool known = i < cores_.size();
      if (!known) cores_.push_back(Core());
      Core& core = cores_[i];
      const darwin::CpuTicks ticks = darwin::SumOfProcessors(counts + 4 * i, 1);
      if (known) core.sums.Add(core.last, ticks);
      core.last = ticks;
      busiest_.Add(i, core.sums.busy, core.sums.all);
    }
    vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(counts), size * sizeof(*counts));
    busiest_.Report(wanted, out);
  }

  const char* Origin(Metric) const override { return "host_processor_info(PROCESSOR_CPU_LOAD_INFO)"; }

 private:
  const mach_port_t host_;
  List<Core> cores_;
  BusiestCore busiest_;
};

}  // namespace

Probe* MakeCpuCoreProbe(Failure*) { return new CpuCoreProbe(); }

}  // namespace tripline
