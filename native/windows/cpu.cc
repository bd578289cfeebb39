// cpu, cpu.host: GetSystemTimes. It sees only this process's own processor group, so on machines with several groups
// the performance counter is used where there is one. `cpu` also takes this process's affinity and its job's cap into
// account.
#include <initializer_list>

#include "port/platform.h"
#include "windows/convert.h"
#include "windows/families.h"
#include "windows/pdh.h"
#include "windows/processors.h"
#include "windows/win.h"

namespace tripline {
namespace {

using windows::CpuSums;
using windows::CpuTicks;

constexpr uint64_t kSetupPeriod = kSecond;  // how often affinity and caps are read

// Counts the processors of all processor groups; GetSystemInfo() knows only one group.
uint32_t CountAllProcessors() {
  const uint32_t count = GetActiveProcessorCount(0xFFFF);
  return count == 0 ? 1 : count;
}

bool HasManyGroups() {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return CountAllProcessors() > info.dwNumberOfProcessors;
}

constexpr wchar_t kProcessorTime[] = L"\\Processor Information(_Total)\\% Processor Time";

// The processors that this process may use, if those are not all of the group.
class OwnProcessors {
 public:
  bool Restricted() {
    DWORD_PTR own = 0, all = 0;
    // A process that runs in several groups has no mask.
    const bool restricted = GetProcessAffinityMask(GetCurrentProcess(), &own, &all) && own != 0 && own != all;
    if (own != mask_) count_ = 0;
    mask_ = own;
    return restricted;
  }

  bool Add(CpuSums* sums) {
    CpuTicks times[kMostProcessors];
    uint32_t count = 0;
    if (!ReadProcessors(times, &count)) {
      count_ = 0;
      return false;
    }
    // In a 32-bit program, one bit of the mask then stands for several processors.
    if (count > 8 * sizeof(mask_)) return false;
    for (uint32_t i = 0; i < count; i++) {
      if ((static_cast<uint64_t>(mask_) >> i & 1) == 0) continue;
      // Processors may be added while the machine runs.
      if (i < count_) sums->Add(last_[i], times[i]);
      last_[i] = times[i];
    }
    count_ = count;
    return true;
  }

 private:
  DWORD_PTR mask_ = 0;
  uint32_t count_ = 0;  // entries in `last_`
  CpuTicks last_[kMostProcessors];
};

class CpuProbe final : public Probe {
 public:
  CpuProbe() {
    if (many_groups_) counter_.Open(kProcessorTime);
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    if (!(many_groups_ && ReadCounter()) && !ReadDirect()) {
      Failure why;
      SetWinError("GetSystemTimes", "", GetLastError(), "", &why);
      SetUnavailable(wanted, why, out);
      return;
    }
    const CpuSums& host = source_.sums();
    SetPair(Metric::kCpuHost, host.busy, host.all, out);
    if (!Wants(wanted, Metric::kCpu)) return;

    if (setup_at_ == 0 || now - setup_at_ >= kSetupPeriod) {
      setup_at_ = now;
      processors_ = CountAllProcessors();
      restricted_ = own_.Restricted();
    }
    if (restricted_) restricted_ = own_.Add(&sums_);
    if (!restricted_) {
      sums_.busy += host.busy - host_.busy;
      sums_.all += host.all - host_.all;
    }
    host_ = host;
    SetPair(Metric::kCpu, sums_.busy, sums_.all, out);
    AddJob(now, &(*out)[Metric::kCpu]);
  }

  const char* Origin(Metric metric) const override {
    if (metric == Metric::kCpu && capped_) return "QueryInformationJobObject(JobObjectCpuRateControlInformation)";
    if (metric == Metric::kCpu && restricted_) return "NtQuerySystemInformation(SystemProcessorPerformanceInformation)";
    return origin_.get();
  }

  // PDH collects once per second, so reading more often yields nothing new.
  uint32_t MinPeriodMs(Metric metric) const override {
    return source_.by_counter() ? 1000 : InfoOf(metric).min_period_ms;
  }

 private:
  // False where the counter is missing, disabled or corrupt; true also before its first value has arrived.
  bool ReadCounter() {
    const CounterReading reading = counter_.Read();
    if (reading.state == CounterReading::kKnown && reading.at != counter_at_) {
      counter_at_ = reading.at;
      source_.TakeCounter({reading.first, reading.second}, processors_);
    }
    if (reading.state != reported_) {
      reported_ = reading.state;
      origin_.Clear();
      const bool failed = reported_ == CounterReading::kFailed;
      if (failed)
        origin_.Add("GetSystemTimes (").Add(reading.why.text).Add(")");
      else
        origin_.Add("PDH \\Processor Information(_Total)\\% Processor Time");
    }
    return reading.state != CounterReading::kFailed;
  }

  bool ReadDirect() {
    CpuTicks ticks;
    if (!ReadSystemTimes(&ticks)) return false;
    source_.TakeDirect(ticks);
    return true;
  }

  // Finds the cap of the job that contains this process, if any. Read each time, so that a raised cap applies to the
  // time that was used under it.
  void FindCap() {
    struct {
      DWORD flags;
      union {
        DWORD rate;
        struct {
          WORD min, max;
        } range;
      };
    } control = {};
    constexpr auto kCpuRateControl = static_cast<JOBOBJECTINFOCLASS>(15);
    const bool found = QueryInformationJobObject(nullptr, kCpuRateControl, &control, sizeof(control), nullptr);
    cap_ = found ? windows::CapOfJob(control.flags, control.rate, control.range.max, processors_) : 0;
    if (cap_ == 0) job_.Forget();
  }

  void AddJob(uint64_t now, Reading* reading) {
    FindCap();
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION accounting = {};
    capped_ = false;
    if (cap_ == 0 || !QueryInformationJobObject(nullptr, JobObjectBasicAccountingInformation, &accounting,
                                                sizeof(accounting), nullptr)) {
      return;
    }
    const auto used = static_cast<uint64_t>(accounting.TotalUserTime.QuadPart + accounting.TotalKernelTime.QuadPart);
    capped_ = job_.Take(now, used, cap_);
    reading->num[reading->parts] = job_.used();
    reading->den[reading->parts] = job_.allowed();
    reading->parts++;
  }

  Counter counter_;
  windows::CpuSource source_;
  uint64_t counter_at_ = 0;
  CounterReading::State reported_ = CounterReading::kPending;
  FixedText<256> origin_{FixedText<256>().Add("GetSystemTimes")};
  uint32_t processors_ = CountAllProcessors();
  const bool many_groups_ = HasManyGroups();

  uint64_t setup_at_ = 0;
  bool restricted_ = false;
  OwnProcessors own_;
  CpuSums host_, sums_;

  double cap_ = 0;  // in processors; 0: none
  bool capped_ = false;
  windows::JobTime job_;
};

// load: tasks that run or wait for a processor, as Unix counts them, from two counters.
class LoadProbe final : public Probe {
 public:
  LoadProbe() {
    queue_.Open(L"\\System\\Processor Queue Length");
    if (many_groups_) busy_.Open(kProcessorTime);
  }

  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    if (!Wants(wanted, Metric::kLoad)) return;
    const CounterReading queue = queue_.Read();
    // GetSystemTimes() sees one group only. With several groups, the running tasks come from a counter that is
    // collected together with the queue.
    const CounterReading busy = many_groups_ ? busy_.Read() : queue;
    for (const CounterReading* each : {&queue, &busy}) {
      if (each->state == CounterReading::kFailed) return SetUnavailable(MaskOf(Metric::kLoad), each->why, out);
    }
    const bool known = queue.state == CounterReading::kKnown && busy.state == CounterReading::kKnown;
    if (known && queue.at == busy.at && queue.at != at_) Take(queue, busy);
    if (average_.started()) out->SetLevel(Metric::kLoad, average_.value() / processors_);
  }

  const char* Origin(Metric) const override {
    return "PDH \\System\\Processor Queue Length + busy processors, averaged over a minute";
  }

  // Unix updates its load average at this period too. The first value comes sooner.
  uint32_t MinPeriodMs(Metric metric) const override {
    return average_.started() ? InfoOf(metric).min_period_ms : 1000;
  }

 private:
  void Take(const CounterReading& queue, const CounterReading& busy) {
    CpuSums sums;
    const windows::IdleCounter idle = {busy.first, busy.second};
    if (many_groups_)
      windows::AddIdle(idle_, idle, 1, &sums);
    else
      sums.Add(direct_, queue.direct);
    idle_ = idle;
    if (at_ != 0 && sums.all > 0) {
      const double running = sums.busy / sums.all * processors_;
      average_.Add(static_cast<double>(queue.first) + running, ToSeconds(queue.at - at_));
    }
    at_ = queue.at;
    direct_ = queue.direct;
  }

  Counter queue_, busy_;
  const uint32_t processors_ = CountAllProcessors();
  const bool many_groups_ = HasManyGroups();
  uint64_t at_ = 0;
  CpuTicks direct_;
  windows::IdleCounter idle_;
  windows::LoadAverage average_;
};

}  // namespace

Probe* MakeCpuProbe(Failure*) { return new CpuProbe(); }
Probe* MakeLoadProbe(Failure*) { return new LoadProbe(); }

}  // namespace tripline
