// cpu, cpu.host, load. macOS has neither affinity nor quotas, so the first two are the same. host_statistics() is not
// used: after a few calls per second, counted over all processes, the kernel returns programs that are not Apple's a
// copy that may be a second old.
#include <errno.h>
#include <mach/mach.h>
#include <sys/sysctl.h>

#include "darwin/convert.h"
#include "darwin/families.h"
#include "port/platform.h"

namespace tripline {
namespace {

class CpuProbe final : public Probe {
 public:
  // Each mach_host_self() adds a reference to the port, which can have only 65,535.
  CpuProbe() : host_(mach_host_self()) {}
  ~CpuProbe() override { mach_port_deallocate(mach_task_self(), host_); }

  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    natural_t processors = 0;
    processor_info_array_t counts = nullptr;
    mach_msg_type_number_t size = 0;
    const kern_return_t error = host_processor_info(host_, PROCESSOR_CPU_LOAD_INFO, &processors, &counts, &size);
    if (error != KERN_SUCCESS) {
      Failure why;
      SetMachError("host_processor_info", error, &why);
      SetUnavailable(wanted, why, out);
      return;
    }
    static_assert(CPU_STATE_USER == 0 && CPU_STATE_SYSTEM == 1 && CPU_STATE_IDLE == 2 && CPU_STATE_NICE == 3 &&
                      CPU_STATE_MAX == 4,
                  "the order in convert.h");
    const darwin::CpuTicks now = darwin::SumOfProcessors(counts, processors);
    vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(counts), size * sizeof(*counts));
    if (processors == processors_) sums_.Add(last_, now);
    last_ = now;
    processors_ = processors;
    SetPair(Metric::kCpu, sums_.busy, sums_.all, out);
    SetPair(Metric::kCpuHost, sums_.busy, sums_.all, out);
  }

  const char* Origin(Metric) const override { return "host_processor_info(PROCESSOR_CPU_LOAD_INFO)"; }

 private:
  const mach_port_t host_;
  natural_t processors_ = 0;  // at the last read
  darwin::CpuTicks last_;
  darwin::CpuSums sums_;
};

class LoadProbe final : public Probe {
 public:
  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    if (!Wants(wanted, Metric::kLoad)) return;
    struct loadavg load;
    size_t size = sizeof(load);
    int processors = 0;
    size_t processors_size = sizeof(processors);
    const char* failed = nullptr;
    if (sysctlbyname("vm.loadavg", &load, &size, nullptr, 0) != 0 || load.fscale == 0)
      failed = "vm.loadavg";
    else if (sysctlbyname("hw.activecpu", &processors, &processors_size, nullptr, 0) != 0)
      failed = "hw.activecpu";
    if (failed != nullptr) {
      Failure why;
      why.SetErrno("sysctlbyname", failed, errno, "");
      return SetUnavailable(wanted & MaskOf(Metric::kLoad), why, out);
    }
    const double average = static_cast<double>(load.ldavg[0]) / static_cast<double>(load.fscale);
    out->SetLevel(Metric::kLoad, average / (processors > 0 ? processors : 1));
  }

  const char* Origin(Metric) const override { return "sysctl vm.loadavg, hw.activecpu"; }
};

}  // namespace

Probe* MakeCpuProbe(Failure*) { return new CpuProbe(); }
Probe* MakeLoadProbe(Failure*) { return new LoadProbe(); }

}  // namespace tripline
