// process.* of this process and of another one. Trees are in process_tree.cc.
#include <sys/resource.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "linux/families.h"
#include "linux/file.h"
#include "linux/live_thread.h"
#include "linux/online_cpus.h"
#include "linux/parse/process.h"
#include "linux/process_tree.h"
#include "port/platform.h"
#include "util/counter.h"
#include "util/slope.h"
#include "util/steady_growth.h"

namespace tripline {

namespace {

constexpr uint64_t kRssPeriod = kMillisecond;
constexpr uint64_t kThreadsPeriod = 10 * kMillisecond;
constexpr uint64_t kStatusPeriod = 10 * kMillisecond;
constexpr uint64_t kDescriptorsPeriod = 250 * kMillisecond;
constexpr uint64_t kIoPeriod = 100 * kMillisecond;
constexpr uint64_t kLongestSkip = 3 * kSecond;
constexpr uint64_t kAlivePeriod = 100 * kMillisecond;
constexpr double kTick = 0.01;
constexpr double kLongestDelay = 1;  // seconds by which a counter of CPU time may be late
constexpr MetricMask kOfCpu = MaskOf(Metric::kProcessCpu) | MaskOf(Metric::kProcessCpuTime);
constexpr MetricMask kOfIo = MaskOf(Metric::kProcessRead) | MaskOf(Metric::kProcessWrite);

bool CpuSeconds(clockid_t clock, double* seconds) {
  struct timespec time;
  if (clock_gettime(clock, &time) != 0) return false;
  *seconds = static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  return true;
}

// The parts that both kinds of process probe share, such as a CPU counter that never decreases.
class OneProcess : public Probe {
 public:
  explicit OneProcess(const Roots& roots) : cpus_(roots) {}

  const char* Origin(Metric metric) const override {
    switch (metric) {
      case Metric::kProcessCpu:
      case Metric::kProcessCpuTime: return cpu_origin_;
      case Metric::kProcessRss: return statm_.path();
      case Metric::kProcessFootprint: return status_.path();
      case Metric::kProcessFds: return descriptors_.get();
      case Metric::kProcessRead:
      case Metric::kProcessWrite: return io_.path();
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
  // `folder` is the folder of the process or of one of its threads.
  void SetFolder(const char* folder) {
    statm_.SetPath(folder, "/statm");
    status_.SetPath(folder, "/status");
    descriptors_.Set(folder, "/fd");
  }

  // `at` is when the counter was read, as exactly as possible, because an error would matter in short windows.
  // `threads` 0: not known.
  void SetCpu(uint64_t at, double seconds, uint64_t threads, Readings* out) {
    if (last_at_ != 0 && at > last_at_) {
      const double elapsed = ToSeconds(at - last_at_);
      double cpus = cpus_.Count(at);
      if (threads != 0 && ToDouble(threads) < cpus) cpus = ToDouble(threads);
      if (seconds > last_seconds_) growth_.Add(seconds - last_seconds_);
      used_ += growth_.Take(cpus * elapsed);
      growth_.Limit(cpus * kLongestDelay);
      elapsed_ += elapsed;
    }
    last_at_ = at;
    last_seconds_ = seconds;
    out->SetLevel(Metric::kProcessCpuTime, seconds * 1e3);
    SetPair(Metric::kProcessCpu, used_, elapsed_, out);
  }

  [[gnu::always_inline]] bool ReadRss(uint64_t now) {
    return TakeRss(now, statm_.ReadIfOlder(now, kRssPeriod, SharedBuffer()));
  }

  bool TakeRss(uint64_t now, File::Result result) {
    if (result != File::kFresh) return result == File::kKept;
    const Buffer* buffer = SharedBuffer();
    uint64_t size = 0, resident = 0;
    if (!ParseStatm(buffer->data(), buffer->size, &size, &resident)) return false;
    rss_ = ToDouble(resident) * page_;
    slope_.Add(now, -rss_);
    return true;
  }

  void ReadFootprint(uint64_t now, Readings* out) {
    Buffer* buffer = SharedBuffer();
    const File::Result result = status_.ReadIfOlder(now, kStatusPeriod, buffer);
    Failure why;
    Footprint read;
    if (result == File::kFailed)
      status_.Explain("", &why);
    else if (result == File::kFresh && !ParseFootprint(buffer->data(), buffer->size, &read)) {
      why.Set("no RssAnon in its status (kernel before 4.5, or a kernel thread)");
    }
    if (why.failed()) return SetUnavailable(MaskOf(Metric::kProcessFootprint), why, out);
    if (result == File::kFresh) {
      footprint_ = ToDouble(read.anonymous + read.shared) * 1024;
      footprint_slope_.Add(now, -footprint_);
    }
    out->SetLevel(Metric::kProcessFootprint, footprint_);
  }

  // The faults of all children whose figures the process has inherited: it grows with each.
  virtual uint64_t InheritedFaults(uint64_t now) = 0;

  // A process inherits the figures of a child that it waits for, all at once. Its own part of such an interval is not
  // known, and is left out.
  void LeaveOutInherited(uint64_t now) {
    const uint64_t faults = InheritedFaults(now);
    const bool inherits = faults != inherited_ && own_at_ != 0;
    inherited_ = faults;
    // The child may have ended after `io` was read, so that its figures are in the next interval.
    if (!inherits && !inherits_) own_at_ = now;
    if (inherits || inherits_) ForgetIo();
    inherits_ = inherits;
  }

  void ForgetIo() {
    read_.Forget();
    written_.Forget();
    io_time_.Forget();
  }

  void ReadIo(uint64_t now, MetricMask wanted, Readings* out) {
    Buffer* buffer = SharedBuffer();
    const File::Result result = io_.ReadIfOlder(now, kIoPeriod, buffer);
    Failure why;
    ProcessIo io;
    if (result == File::kFailed) {
      io_.Explain(HintOfIo(io_.error()), &why);
    } else if (result == File::kFresh && !ParseProcessIo(buffer->data(), buffer->size, &io)) {
      why.Set("the process's io is not understood");
    }
    if (why.failed()) {
      ForgetIo();
      return SetUnavailable(wanted & kOfIo, why, out);
    }
    if (result == File::kFresh) {
      LeaveOutInherited(now);
      read_.Add(io.read);
      written_.Add(io.written);
      io_time_.Add(now);
    }
    if (now - own_at_ > kLongestSkip) {
      return SetUnavailable(wanted & kOfIo, "its children end too often to know its own part; try tree: true", out);
    }
    if (Wants(wanted, Metric::kProcessRead)) SetPair(Metric::kProcessRead, read_.sum(), io_time_.seconds(), out);
    if (Wants(wanted, Metric::kProcessWrite)) SetPair(Metric::kProcessWrite, written_.sum(), io_time_.seconds(), out);
  }

  void ReadDescriptors(uint64_t now, bool own, bool has_size, Readings* out) {
    if (descriptors_at_ != 0 && now - descriptors_at_ < kDescriptorsPeriod - kDescriptorsPeriod / 8) {
      return out->SetLevel(Metric::kProcessFds, descriptors_share_);
    }
    Failure why;
    const uint64_t count = CountDescriptors(descriptors_.get(), has_size);
    if (count == 0 && errno != 0)
      why.SetErrno("open", descriptors_.get(), errno, errno == EACCES ? "not our process" : "");
    uint64_t limit = 0;
    struct rlimit own_limit;
    bool known = own && getrlimit(RLIMIT_NOFILE, &own_limit) == 0;
    if (known) limit = own_limit.rlim_cur;
    Buffer* buffer = SharedBuffer();
    if (!own) known = limits_.Read(now, buffer) && ParseOpenFilesLimit(buffer->data(), buffer->size, &limit);
    if (!why.failed() && !known) why.Set("the process's limit on open files cannot be read");
    if (why.failed()) return SetUnavailable(MaskOf(Metric::kProcessFds), why, out);
    descriptors_at_ = now;
    descriptors_share_ = limit == 0 ? 100 : 100 * ToDouble(count) / ToDouble(limit);
    out->SetLevel(Metric::kProcessFds, descriptors_share_);
  }

  double rss_ = 0;
  const double page_ = static_cast<double>(sysconf(_SC_PAGESIZE));
  const char* cpu_origin_ = "";
  ProcessStat last_;
  Text descriptors_;
  File stat_;
  File statm_;
  File status_;
  File limits_;
  File io_;

 private:
  uint64_t last_at_ = 0;
  uint64_t descriptors_at_ = 0;
  double last_seconds_ = 0;
  double used_ = 0, elapsed_ = 0;
  double footprint_ = 0;
  double descriptors_share_ = 0;
  SteadyGrowth growth_;
  bool inherits_ = false;  // since the last read
  uint64_t inherited_ = 0;
  uint64_t own_at_ = 0;  // the end of the last interval without a child that ended
  GrowingSum read_, written_;
  ElapsedTime io_time_;
  Slope slope_, footprint_slope_;
  OnlineCpus cpus_;
};

// Always from the real /proc, even if HOST_PROC is set.
class OwnProcess final : public OneProcess {
 public:
  explicit OwnProcess(const Roots& roots) : OneProcess(roots) {
    stat_.SetPath("/proc/self/stat");
    SetFolder("/proc/self");
    io_.SetPath("/proc/self/io");
    cpu_origin_ = "clock_gettime(CLOCK_PROCESS_CPUTIME_ID)";
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    if ((wanted & kOfCpu) != 0) {
      const uint64_t at = MonotonicNow();
      double seconds = 0;
      if (CpuSeconds(CLOCK_PROCESS_CPUTIME_ID, &seconds)) SetCpu(at, seconds, 0, out);
    }
    if (Wants(wanted, Metric::kProcessCount)) out->SetLevel(Metric::kProcessCount, 1);
    if (Wants(wanted, Metric::kProcessRss)) {
      if (ReadRss(now))
        out->SetLevel(Metric::kProcessRss, rss_);
      else
        statm_.SetUnavailable(MaskOf(Metric::kProcessRss), "", out);
    }
    if (Wants(wanted, Metric::kProcessFootprint)) ReadFootprint(now, out);
    if (Wants(wanted, Metric::kProcessFds)) ReadDescriptors(now, true, true, out);
    if ((wanted & kOfIo) != 0) ReadIo(now, wanted, out);
    if (Wants(wanted, Metric::kProcessThreads)) {
      Buffer* buffer = SharedBuffer();
      const File::Result result = stat_.ReadIfOlder(now, kThreadsPeriod, buffer);
      if (result == File::kFresh && !ParseProcessStat(buffer->data(), buffer->size, &last_)) last_.threads = 0;
      if (result != File::kFailed && last_.threads > 0)
        out->SetLevel(Metric::kProcessThreads, ToDouble(last_.threads));
      else
        stat_.SetUnavailable(MaskOf(Metric::kProcessThreads), "", out);
    }
  }

 private:
  uint64_t InheritedFaults(uint64_t) override {
    struct rusage used;
    return getrusage(RUSAGE_CHILDREN, &used) == 0 ? static_cast<uint64_t>(used.ru_minflt) : 0;
  }
};

// Another process. Its files are opened once, so that reads fail after its end even if its pid is reused.
class OtherProcess final : public OneProcess {
 public:
  OtherProcess(const Roots& roots, int64_t pid) : OneProcess(roots), pid_(pid) {
    proc_.Set(roots.proc.get());
    other_proc_ = roots.other_proc;
  }

  bool Open(Failure* why) {
    char number[24];
    snprintf(number, sizeof(number), "%lld", static_cast<long long>(pid_));
    Text folder;
    folder.Set(proc_.get(), "/", number);
    stat_.SetPath(folder.get(), "/stat");
    stat_.SetPinned();
    limits_.SetPath(folder.get(), "/limits");
    io_.SetPath(folder.get(), "/io");
    io_.SetPinned();
    SetFolder(folder.get());
    statm_.SetPinned();
    if (!ReadStat(1)) {
      stat_.Explain(stat_.error() == ENOENT ? "no such process" : "", why);
      return false;
    }
    has_clock_ = !other_proc_ && clock_getcpuclockid(static_cast<pid_t>(pid_), &clock_) == 0;
    cpu_origin_ = stat_.path();
    // Opened after stat_, which is then checked again, so that both belong to the same process.
    Buffer* buffer = SharedBuffer();
    if (statm_.Read(1, buffer) && ReadStat(1) && IsAlive(1)) return true;
    snprintf(why->text, sizeof(why->text), "process %lld has ended", static_cast<long long>(pid_));
    return false;
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    const bool needs_time = (wanted & kOfCpu) != 0;
    const bool needs_stat = Wants(wanted, Metric::kProcessThreads) || (needs_time && !has_clock_);
    const bool needs_rss = Wants(wanted, Metric::kProcessRss);
    const uint64_t period = needs_stat ? kThreadsPeriod : kAlivePeriod;
    const bool due = now - stat_.read_at() >= period - period / 8;
    uint64_t at = now;
    double seconds = 0;
    if (!ended_ && due) Check(now);
    if (!ended_ && needs_time) {
      if (has_clock_) {
        at = MonotonicNow();
        ended_ = !CpuSeconds(clock_, &seconds);
      } else {
        at = stat_.read_at();
        seconds = kTick * ToDouble(last_.user + last_.system);
      }
    }
    bool has_rss = !ended_ && (!needs_rss || ReadRss(now));
    // If it has no memory, either the process has ended since the last check, or the thread that the files belong to.
    if (!ended_ && needs_rss && (!has_rss || rss_ == 0)) {
      Check(now);
      has_rss = ReadRss(now);
    }
    if (ended_) return SetEnded(pid_, wanted, out);
    if (failed_) {
      if (stat_.error() != 0) return stat_.SetUnavailable(wanted, "", out);
      return SetUnavailable(wanted, "the process's stat is not understood", out);
    }
    if (Wants(wanted, Metric::kProcessFootprint)) ReadFootprint(now, out);
    if (Wants(wanted, Metric::kProcessFds)) ReadDescriptors(now, false, !other_proc_, out);
    if ((wanted & kOfIo) != 0) ReadIo(now, wanted, out);
    if (needs_time) SetCpu(at, seconds, last_.threads, out);
    if (Wants(wanted, Metric::kProcessCount)) out->SetLevel(Metric::kProcessCount, 1);
    if (Wants(wanted, Metric::kProcessThreads)) out->SetLevel(Metric::kProcessThreads, ToDouble(last_.threads));
    if (!needs_rss) return;
    if (has_rss) return out->SetLevel(Metric::kProcessRss, rss_);
    statm_.SetUnavailable(MaskOf(Metric::kProcessRss), "", out);
  }

 private:
  uint64_t InheritedFaults(uint64_t now) override {
    Check(now);
    return last_.child_faults;
  }

  bool ReadStat(uint64_t now) {
    Buffer* buffer = SharedBuffer();
    return stat_.Read(now, buffer) && ParseProcessStat(buffer->data(), buffer->size, &last_);
  }

  // Whether the process lives, according to its stat. An error that says nothing about it, such as a lack of memory,
  // does not count as its end.
  void Check(uint64_t now) {
    failed_ = !ReadStat(now);
    if (failed_) {
      ended_ = stat_.error() == ESRCH || IsMissing(stat_.error());
    } else {
      ended_ = !IsAlive(now);
    }
  }

  // REQUIRES: `last_` was read. While the process lives, the files are those of a thread that lives.
  bool IsAlive(uint64_t now) {
    if (last_.ended()) return false;
    if (!last_.lost_main_thread() || (ReadRss(now) && rss_ > 0)) return true;
    const int64_t thread = FindLiveThread(proc_.get(), pid_);
    if (thread == 0) return false;
    char path[64];
    snprintf(path, sizeof(path), "/%lld/task/%lld", static_cast<long long>(pid_), static_cast<long long>(thread));
    Text folder;
    folder.Set(proc_.get(), path);
    SetFolder(folder.get());
    return true;
  }

  Text proc_;
  bool other_proc_ = false;
  const int64_t pid_;
  bool ended_ = false;
  bool failed_ = false;
  bool has_clock_ = false;
  clockid_t clock_ = CLOCK_MONOTONIC;
};

}  // namespace

Probe* MakeProcessProbe(const Selector& selector, Failure* why) {
  const Roots roots;
  // Under HOST_PROC, pids are those of that tree, where this process's own pid may belong to another process.
  const bool own = selector.pid == 0 || (selector.pid == getpid() && !roots.other_proc);
  if (selector.pid < 0) {
    why->Set("a process id is positive");
    return nullptr;
  }
  if (selector.tree) return MakeProcessTreeProbe(own ? getpid() : selector.pid, own, why);
  if (own) return new OwnProcess(roots);
  OtherProcess* probe = new OtherProcess(roots, selector.pid);
  if (probe->Open(why)) return probe;
  delete probe;
  return nullptr;
}

}  // namespace tripline
