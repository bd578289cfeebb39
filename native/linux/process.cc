// process.* of this process and of another one. Trees are in process_tree.cc.
#include <sys/resource.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "linux/families.h"
#include "linux/file.h"
#include "linux/parse/process.h"
#include "linux/process_tree.h"
#include "port/platform.h"
#include "util/slope.h"

namespace tripline {

namespace {

constexpr uint64_t kRssPeriod = kMillisecond;
constexpr uint64_t kThreadsPeriod = 10 * kMillisecond;
constexpr uint64_t kStatusPeriod = 10 * kMillisecond;
constexpr uint64_t kDescriptorsPeriod = 250 * kMillisecond;
constexpr uint64_t kAlivePeriod = 100 * kMillisecond;
constexpr double kTick = 0.01;

bool CpuSeconds(clockid_t clock, double* seconds) {
  struct timespec time;
  if (clock_gettime(clock, &time) != 0) return false;
  *seconds = static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  return true;
}

// What both kinds of process probe share: the CPU counter that never goes backwards, and the resident set.
class OneProcess : public Probe {
 public:
  const char* Origin(Metric metric) const override {
    switch (metric) {
      case Metric::kProcessCpu:
      case Metric::kProcessCpuTime: return cpu_origin_;
      case Metric::kProcessRss: return statm_.path();
      case Metric::kProcessFootprint: return status_.path();
      case Metric::kProcessFds: return descriptors_.get();
      default: return stat_.path();
    }
  }

  double MaxSlope(Metric metric) const override {
    switch (metric) {
      case Metric::kProcessRss: return slope_.Credible();
      case Metric::kProcessFootprint: return footprint_slope_.Credible();
      default: return 0;
    }
  }

 protected:
  void SetCpu(uint64_t now, double seconds, Readings* out) {
    if (last_at_ != 0 && now > last_at_) {
      used_ += seconds > last_seconds_ ? seconds - last_seconds_ : 0;
      elapsed_ += Seconds(now - last_at_);
    }
    last_at_ = now;
    last_seconds_ = seconds;
    out->SetLevel(Metric::kProcessCpuTime, seconds * 1e3);
    SetPair(Metric::kProcessCpu, used_, elapsed_, out);
  }

  bool ReadRss(uint64_t now) {
    Buffer* buffer = SharedBuffer();
    const File::Result result = statm_.ReadIfOlder(now, kRssPeriod, buffer);
    if (result == File::kFailed) return false;
    uint64_t size = 0, resident = 0;
    if (result == File::kKept) return true;
    if (!ParseStatm(buffer->data(), buffer->size, &size, &resident)) return false;
    rss_ = ToDouble(resident) * page_;
    slope_.Add(now, -rss_);
    return true;
  }

  void ReadFootprint(uint64_t now, Readings* out) {
    Buffer* buffer = SharedBuffer();
    const File::Result result = status_.ReadIfOlder(now, kStatusPeriod, buffer);
    Failure why;
    uint64_t bytes = 0;
    if (result == File::kFailed)
      status_.Explain("", &why);
    else if (result == File::kFresh && !ParseFootprint(buffer->data(), buffer->size, &bytes)) {
      why.Set("no RssAnon in the process's status (kernel before 4.5, or a kernel thread)");
    }
    if (why.failed()) return SetUnavailable(MaskOf(Metric::kProcessFootprint), why, out);
    if (result == File::kFresh) {
      footprint_ = ToDouble(bytes);
      footprint_slope_.Add(now, -footprint_);
    }
    out->SetLevel(Metric::kProcessFootprint, footprint_);
  }

  void ReadDescriptors(uint64_t now, bool own, bool tells_size, Readings* out) {
    if (descriptors_at_ != 0 && now - descriptors_at_ < kDescriptorsPeriod - kDescriptorsPeriod / 8) {
      return out->SetLevel(Metric::kProcessFds, descriptors_share_);
    }
    Failure why;
    const uint64_t count = CountDescriptors(descriptors_.get(), tells_size);
    if (count == 0 && errno != 0)
      why.SetErrno("open", descriptors_.get(), errno, errno == EACCES ? "not our process" : "");
    double limit = 0;
    struct rlimit own_limit;
    if (own && getrlimit(RLIMIT_NOFILE, &own_limit) == 0) limit = ToDouble(own_limit.rlim_cur);
    Buffer* buffer = SharedBuffer();
    uint64_t soft = 0;
    if (!own && limits_.Read(now, buffer) && ParseOpenFilesLimit(buffer->data(), buffer->size, &soft)) {
      limit = ToDouble(soft);
    }
    if (!why.failed() && limit <= 0) why.Set("the process's limit on open files cannot be read");
    if (why.failed()) return SetUnavailable(MaskOf(Metric::kProcessFds), why, out);
    descriptors_at_ = now;
    descriptors_share_ = 100 * ToDouble(count) / limit;
    out->SetLevel(Metric::kProcessFds, descriptors_share_);
  }

  File stat_;
  File statm_;
  File status_;
  File limits_;
  Text descriptors_;
  ProcessStat last_;
  double rss_ = 0;
  const char* cpu_origin_ = "";
  const double page_ = static_cast<double>(sysconf(_SC_PAGESIZE));

 private:
  Slope slope_, footprint_slope_;
  double footprint_ = 0;
  uint64_t descriptors_at_ = 0;
  double descriptors_share_ = 0;
  uint64_t last_at_ = 0;
  double last_seconds_ = 0;
  double used_ = 0, elapsed_ = 0;
};

// Always from the real /proc: this process is this process, wherever HOST_PROC points.
class OwnProcess final : public OneProcess {
 public:
  OwnProcess() {
    stat_.SetPath("/proc/self/stat");
    statm_.SetPath("/proc/self/statm");
    status_.SetPath("/proc/self/status");
    descriptors_.Set("/proc/self/fd");
    cpu_origin_ = "clock_gettime(CLOCK_PROCESS_CPUTIME_ID)";
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    Failure why;
    if (Wants(wanted, Metric::kProcessCpu) || Wants(wanted, Metric::kProcessCpuTime)) {
      double seconds = 0;
      if (CpuSeconds(CLOCK_PROCESS_CPUTIME_ID, &seconds)) SetCpu(now, seconds, out);
    }
    if (Wants(wanted, Metric::kProcessCount)) out->SetLevel(Metric::kProcessCount, 1);
    if (Wants(wanted, Metric::kProcessRss)) {
      if (ReadRss(now)) {
        out->SetLevel(Metric::kProcessRss, rss_);
      } else {
        statm_.Explain("", &why);
        SetUnavailable(MaskOf(Metric::kProcessRss), why, out);
      }
    }
    if (Wants(wanted, Metric::kProcessFootprint)) ReadFootprint(now, out);
    if (Wants(wanted, Metric::kProcessFds)) ReadDescriptors(now, true, true, out);
    if (Wants(wanted, Metric::kProcessThreads)) {
      Buffer* buffer = SharedBuffer();
      const File::Result result = stat_.ReadIfOlder(now, kThreadsPeriod, buffer);
      if (result == File::kFresh && !ParseProcessStat(buffer->data(), buffer->size, &last_)) last_.threads = 0;
      if (result != File::kFailed && last_.threads > 0) {
        out->SetLevel(Metric::kProcessThreads, ToDouble(last_.threads));
      } else {
        stat_.Explain("", &why);
        SetUnavailable(MaskOf(Metric::kProcessThreads), why, out);
      }
    }
  }
};

// Another process. Its files are opened once: after it has ended they say so for ever, also when its number is given
// to somebody else.
class OtherProcess final : public OneProcess {
 public:
  bool Open(int64_t pid, Failure* why) {
    pid_ = pid;
    char number[24];
    snprintf(number, sizeof(number), "%lld", static_cast<long long>(pid));
    stat_.SetPath(roots_.proc.get(), "/", number, "/stat");
    stat_.SetPinned();
    statm_.SetPath(roots_.proc.get(), "/", number, "/statm");
    status_.SetPath(roots_.proc.get(), "/", number, "/status");
    limits_.SetPath(roots_.proc.get(), "/", number, "/limits");
    descriptors_.Set(roots_.proc.get(), "/", number, "/fd");
    if (!ReadStat(1)) {
      stat_.Explain(stat_.error() == ENOENT ? "no such process" : "", why);
      return false;
    }
    has_clock_ = !roots_.other_proc && clock_getcpuclockid(static_cast<pid_t>(pid), &clock_) == 0;
    cpu_origin_ = stat_.path();
    // Opened after stat_, checked after that: so both are of the same process.
    Buffer* buffer = SharedBuffer();
    if (!statm_.Read(1, buffer) || !ReadStat(1) || Ended()) {
      Tell(why);
      return false;
    }
    statm_.SetPinned();
    return true;
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    const bool needs_time = Wants(wanted, Metric::kProcessCpu) || Wants(wanted, Metric::kProcessCpuTime);
    const bool needs_stat = Wants(wanted, Metric::kProcessThreads) || (needs_time && !has_clock_);
    const uint64_t period = needs_stat ? kThreadsPeriod : kAlivePeriod;
    double seconds = 0;
    const bool fresh = now - stat_.read_at() >= period - period / 8;
    bool alive = !Ended() && (!fresh || ReadStat(now)) && !Ended();
    if (alive && needs_time) {
      if (has_clock_)
        alive = CpuSeconds(clock_, &seconds);
      else
        seconds = kTick * ToDouble(last_.user + last_.system);
    }
    if (alive && Wants(wanted, Metric::kProcessRss)) alive = ReadRss(now);
    if (!alive) {
      ended_ = true;
      Failure why;
      Tell(&why);
      return SetUnavailable(wanted, why, out);
    }
    if (Wants(wanted, Metric::kProcessFootprint)) ReadFootprint(now, out);
    if (Wants(wanted, Metric::kProcessFds)) ReadDescriptors(now, false, !roots_.other_proc, out);
    if (needs_time) SetCpu(now, seconds, out);
    if (Wants(wanted, Metric::kProcessCount)) out->SetLevel(Metric::kProcessCount, 1);
    if (Wants(wanted, Metric::kProcessRss)) out->SetLevel(Metric::kProcessRss, rss_);
    if (Wants(wanted, Metric::kProcessThreads)) {
      out->SetLevel(Metric::kProcessThreads, ToDouble(last_.threads));
    }
  }

 private:
  bool ReadStat(uint64_t now) {
    Buffer* buffer = SharedBuffer();
    return stat_.Read(now, buffer) && ParseProcessStat(buffer->data(), buffer->size, &last_);
  }

  // A zombie is a process that has ended and that nobody has asked after yet.
  bool Ended() const { return ended_ || last_.state == 'Z' || last_.state == 'X'; }

  void Tell(Failure* why) const {
    snprintf(why->text, sizeof(why->text), "process %lld has ended", static_cast<long long>(pid_));
  }

  const Roots roots_;
  int64_t pid_ = 0;
  bool ended_ = false;
  bool has_clock_ = false;
  clockid_t clock_ = CLOCK_MONOTONIC;
};

}  // namespace

Probe* MakeProcessProbe(const Selector& selector, Failure* why) {
  // Under HOST_PROC numbers are those of that tree, where ours may be somebody else's.
  const bool own = selector.pid == 0 || (selector.pid == getpid() && !Roots().other_proc);
  if (selector.pid < 0) {
    why->Set("a process id is positive");
    return nullptr;
  }
  if (selector.tree) return MakeProcessTreeProbe(own ? getpid() : selector.pid, own, why);
  if (own) return new OwnProcess();
  OtherProcess* probe = new OtherProcess();
  if (probe->Open(selector.pid, why)) return probe;
  delete probe;
  return nullptr;
}

}  // namespace tripline
