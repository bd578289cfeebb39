// load: the 1-minute average divided by the number of online CPUs. The average counts the whole machine's tasks,
// including those in uninterruptible sleep, so it is divided by the machine's CPUs even if this process may use fewer.
#include <sys/sysinfo.h>
#include <cstring>

#include "linux/families.h"
#include "linux/file.h"
#include "linux/parse/process.h"
#include "linux/parse/stat.h"
#include "port/platform.h"

namespace tripline {

namespace {

constexpr uint64_t kCpusPeriod = 5 * kSecond;

class LoadProbe final : public Probe {
 public:
  LoadProbe() {
    load_.SetPath(roots_.proc.get(), "/loadavg");
    stat_.SetPath(roots_.proc.get(), "/stat");
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    if (!Wants(wanted, Metric::kLoad)) return;
    Buffer* buffer = SharedBuffer();
    if (stat_.ReadIfOlder(now, kCpusPeriod, buffer) == File::kFresh) {
      cpus_ = CountCpuLines(buffer->data(), buffer->size);
      CpuTimes times;
      counts_ = ParseCpuTotal(buffer->data(), buffer->size, &times) && !times.IsZero();
    }
    double load = 0;
    const char* wrong = nullptr;
    if (roots_.other_proc) {
      if (!load_.Read(now, buffer)) return load_.SetUnavailable(wanted, "", out);
      if (!ParseLoadavg(buffer->data(), buffer->size, &load)) wrong = "/proc/loadavg: not a number";
    } else {
      struct sysinfo info;
      if (sysinfo(&info) == 0)
        load = ToDouble(info.loads[0]) / 65536;
      else
        wrong = "the system refuses sysinfo(2)";
    }
    if (cpus_ == 0)
      wrong = "/proc/stat: CPUs cannot be counted, so there is no load per CPU";
    else if (load == 0 && !counts_)
      wrong = "the load is 0, and so is every counter of /proc/stat: neither is counted here";
    if (wrong == nullptr) return out->SetLevel(Metric::kLoad, load / cpus_);
    SetUnavailable(wanted, wrong, out);
  }

  const char* Origin(Metric) const override { return load_.path(); }

 private:
  const Roots roots_;
  File load_;
  File stat_;
  uint32_t cpus_ = 0;
  bool counts_ = false;  // whether the kernel keeps the counters that it shows
};

}  // namespace

Probe* MakeLoadProbe(Failure* why) {
  (void)why;
  return new LoadProbe();
}

}  // namespace tripline
