// cpu, cpu.host, load. macOS has neither affinity nor quotas, so the first two are the same.
#include <errno.h>
#include <mach/mach.h>
#include <sys/sysctl.h>

#include <initializer_list>

#include "convert.h"
#include "families.h"
#include "platform.h"

namespace tripline {
namespace {

class CpuProbe final : public Probe {
 public:
  // Each call gives another right to the port, and there are only 65,535.
  CpuProbe() : host_(mach_host_self()) {}
  ~CpuProbe() override { mach_port_deallocate(mach_task_self(), host_); }

  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    host_cpu_load_info_data_t info;
    mach_msg_type_number_t count = HOST_CPU_LOAD_INFO_COUNT;
    const kern_return_t error =
        host_statistics(host_, HOST_CPU_LOAD_INFO, reinterpret_cast<host_info_t>(&info), &count);
    if (error != KERN_SUCCESS) {
      Failure why;
      why.SetErrno("host_statistics", "HOST_CPU_LOAD_INFO", error, "kern_return_t");
      SetUnavailable(wanted, Metric::kCpu, why, out);
      SetUnavailable(wanted, Metric::kCpuHost, why, out);
      return;
    }
    const darwin::CpuTicks now{info.cpu_ticks[CPU_STATE_USER], info.cpu_ticks[CPU_STATE_SYSTEM],
                               info.cpu_ticks[CPU_STATE_IDLE], info.cpu_ticks[CPU_STATE_NICE]};
    if (has_last_) sums_.Add(last_, now);
    last_ = now;
    has_last_ = true;
    SetPair(wanted, Metric::kCpu, sums_.busy, sums_.all, out);
    SetPair(wanted, Metric::kCpuHost, sums_.busy, sums_.all, out);
  }

  const char* Origin(Metric) const override { return "host_statistics(HOST_CPU_LOAD_INFO)"; }

 private:
  const mach_port_t host_;
  bool has_last_ = false;
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
    if (sysctlbyname("vm.loadavg", &load, &size, nullptr, 0) != 0 || load.fscale == 0) failed = "vm.loadavg";
    else if (sysctlbyname("hw.activecpu", &processors, &processors_size, nullptr, 0) != 0) failed = "hw.activecpu";
    if (failed != nullptr) {
      Failure why;
      why.SetErrno("sysctlbyname", failed, errno, "");
      return SetUnavailable(wanted, Metric::kLoad, why, out);
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
