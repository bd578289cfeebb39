// process.* of a command with all that it has started, as its job object has it.
#include <cstdlib>
#include <initializer_list>

#include "port/platform.h"
#include "util/slope.h"
#include "windows/families.h"
#include "windows/job.h"

// After <windows.h>, on which they depend.
#include <psapi.h>
#include <tlhelp32.h>

namespace tripline {
namespace {

// A list of all processes takes a millisecond and more.
constexpr uint64_t kListPeriod = kSecond;

class JobProbe final : public Probe {
 public:
  JobProbe(int64_t pid, HANDLE job) : pid_(static_cast<uint64_t>(pid)), job_(job) {}
  ~JobProbe() override {
    for (uint32_t i = 0; i < count_; i++) Drop(members_[i]);
    free(members_);
    CloseHandle(job_);
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    const JobUsage usage = ReadJobUsage(job_);
    if (usage.active == 0) return SetEnded(wanted, out);
    // Those who came and went between two looks are in it.
    const double cpu = static_cast<double>(usage.cpu);
    if (Wants(wanted, Metric::kProcessCpuTime)) out->SetLevel(Metric::kProcessCpuTime, cpu / kMillisecond);
    if (started_at_ == 0) started_at_ = now;
    SetPair(Metric::kProcessCpu, cpu / kSecond, static_cast<double>(now - started_at_) / kSecond, out);
    constexpr MetricMask kOfMemory = MaskOf(Metric::kProcessRss) | MaskOf(Metric::kProcessFootprint);
    if ((wanted & (kOfMemory | MaskOf(Metric::kProcessCount))) != 0 && list_.Read(job_)) Follow();
    if (Wants(wanted, Metric::kProcessCount)) out->SetLevel(Metric::kProcessCount, count_ - console_hosts_);
    if ((wanted & kOfMemory) != 0) ReadMemory(now, wanted, out);
    if (!Wants(wanted, Metric::kProcessThreads)) return;
    if (threads_at_ == 0 || now - threads_at_ >= kListPeriod) {
      threads_at_ = now;
      threads_ = CountThreads();
    }
    out->SetLevel(Metric::kProcessThreads, threads_);
  }

  const char* Origin(Metric metric) const override {
    switch (metric) {
      case Metric::kProcessRss: return "GetProcessMemoryInfo of the job's processes";
      case Metric::kProcessFootprint: return "GetProcessMemoryInfo PrivateUsage of the job's processes";
      case Metric::kProcessThreads: return "CreateToolhelp32Snapshot";
      default: return "QueryInformationJobObject";
    }
  }

  double MaxSlope(Metric metric) const override {
    return metric == Metric::kProcessRss || metric == Metric::kProcessFootprint ? slope_.Credible() : 0;
  }

  uint32_t MinPeriodMs(Metric metric) const override {
    // Windows counts processor time in ticks of its clock.
    if (metric == Metric::kProcessCpu || metric == Metric::kProcessCpuTime) return 16;
    return metric == Metric::kProcessThreads ? 1000 : InfoOf(metric).min_period_ms;
  }

 private:
  // The handle keeps the number from being used again; nullptr where it could not be opened yet.
  struct Member {
    DWORD pid;
    HANDLE process;
    ConsoleHost console_host;
  };

  static void Drop(const Member& member) {
    if (member.process != nullptr) CloseHandle(member.process);
  }

  void SetEnded(MetricMask wanted, Readings* out) const {
    Message message;
    message.Add("process ").Add(pid_).Add(" has ended");
    Failure why;
    why.Set(message.get());
    SetUnavailable(wanted, why, out);
  }

  void ReadMemory(uint64_t now, MetricMask wanted, Readings* out) {
    double rss = 0, footprint = 0;
    for (uint32_t i = 0; i < count_; i++) {
      PROCESS_MEMORY_COUNTERS_EX counters = {};
      auto* plain = reinterpret_cast<PROCESS_MEMORY_COUNTERS*>(&counters);
      if (members_[i].process == nullptr) continue;
      if (!K32GetProcessMemoryInfo(members_[i].process, plain, sizeof(counters))) continue;
      rss += static_cast<double>(counters.WorkingSetSize);
      // Wine does not tell; nothing that runs has none.
      footprint += static_cast<double>(counters.PrivateUsage != 0 ? counters.PrivateUsage : counters.WorkingSetSize);
    }
    slope_.Add(now, -footprint);
    if (Wants(wanted, Metric::kProcessRss)) out->SetLevel(Metric::kProcessRss, rss);
    if (Wants(wanted, Metric::kProcessFootprint)) out->SetLevel(Metric::kProcessFootprint, footprint);
  }

  // Opens those who have come, lets go of those who have gone. Allocates only for more than there ever were.
  void Follow() {
    for (uint32_t i = count_; i-- > 0;) {
      if (list_.Has(members_[i].pid)) continue;
      Drop(members_[i]);
      members_[i] = members_[--count_];
    }
    const uint32_t known = count_;
    for (uint32_t i = 0; i < list_.count(); i++) {
      bool found = false;
      for (uint32_t k = 0; k < known && !found; k++) found = members_[k].pid == list_[i];
      if (found) continue;
      if (count_ == capacity_) {
        void* grown = realloc(members_, (capacity_ + 16) * sizeof(Member));
        if (grown == nullptr) return;
        members_ = static_cast<Member*>(grown);
        capacity_ += 16;
      }
      members_[count_++] = {list_[i], nullptr, ConsoleHost::kUnknown};
    }
    console_hosts_ = 0;
    for (uint32_t i = 0; i < count_; i++) {
      Member* member = &members_[i];
      if (member->process == nullptr) {
        member->process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, member->pid);
      }
      // Whoever is only just being made may not tell yet.
      if (member->console_host == ConsoleHost::kUnknown) member->console_host = IsConsoleHost(member->process);
      console_hosts_ += member->console_host == ConsoleHost::kYes ? 1 : 0;
    }
  }

  double CountThreads() {
    double threads = 0;
    if (!list_.Read(job_)) return threads;
    const HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    if (snapshot == INVALID_HANDLE_VALUE) return threads;
    PROCESSENTRY32W entry;
    entry.dwSize = sizeof(entry);
    for (BOOL more = Process32FirstW(snapshot, &entry); more; more = Process32NextW(snapshot, &entry)) {
      if (list_.Has(entry.th32ProcessID)) threads += entry.cntThreads;
    }
    CloseHandle(snapshot);
    return threads;
  }

  const uint64_t pid_;
  const HANDLE job_;
  JobList list_;
  Member* members_ = nullptr;
  uint32_t count_ = 0, capacity_ = 0, console_hosts_ = 0;
  uint64_t started_at_ = 0;
  uint64_t threads_at_ = 0;
  double threads_ = 0;
  Slope slope_;
};

}  // namespace

Probe* MakeJobProbe(int64_t pid) {
  const HANDLE job = OpenJobOf(pid);
  return job == nullptr ? nullptr : new JobProbe(pid, job);
}

}  // namespace tripline
