// load: the 1-minute average over the CPUs that are online. The average counts the whole machine's tasks, those in
// uninterruptible sleep too, so it is divided by the machine's CPUs, whatever this process may use of them.
#include <sys/sysinfo.h>
#include <cerrno>
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
      uint32_t cpu = 0;
      CpuTimes times;
      cpus_ = 0;
      for (CpuLines lines(buffer->data(), buffer->size); lines.Next(&cpu, &times);) cpus_++;
    }
    Failure why;
    double load = 0;
    if (roots_.other_proc) {
      if (!load_.Read(now, buffer))
        load_.Explain("", &why);
      else if (!ParseLoadavg(buffer->data(), buffer->size, &load))
        why.Set("/proc/loadavg: not a number");
    } else {
      struct sysinfo info;
      if (sysinfo(&info) != 0) why.SetErrno("sysinfo", "", errno, "");
      load = ToDouble(info.loads[0]) / 65536;
    }
    if (!why.failed() && cpus_ == 0) why.Set("/proc/stat: CPUs cannot be counted, so there is no load per CPU");
    if (why.failed()) return SetUnavailable(wanted, why, out);
    out->SetLevel(Metric::kLoad, load / cpus_);
  }

  const char* Origin(Metric) const override { return load_.path(); }

 private:
  const Roots roots_;
  File load_;
  File stat_;
  uint32_t cpus_ = 0;
};

}  // namespace

Probe* MakeLoadProbe(Failure* why) {
  (void)why;
  return new LoadProbe();
}

}  // namespace tripline
