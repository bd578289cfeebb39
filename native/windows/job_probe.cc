// process.* of a command with everything that it has started, as its job object counts them.
#include "port/platform.h"
#include "util/counter.h"
#include "util/list.h"
#include "util/slope.h"
#include "windows/families.h"
#include "windows/job.h"

// After <windows.h>, on which they depend.
#include <psapi.h>
#include <tlhelp32.h>

namespace tripline {
namespace {

// Listing all processes takes a millisecond or more.
constexpr uint64_t kListPeriod = kSecond;

class JobProbe final : public Probe {
 public:
  JobProbe(int64_t pid, HANDLE job) : pid_(pid), job_(job) {}
  ~JobProbe() override {
    for (const Member& member : members_) Drop(member);
    CloseHandle(job_);
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    JobUsage usage;
    if (!ReadJobUsage(job_, &usage)) return SetFailed("QueryInformationJobObject", GetLastError(), wanted, out);
    if (usage.active == 0) return SetEnded(pid_, wanted, out);
    // Includes processes that began and ended between two reads.
    const double cpu = static_cast<double>(usage.cpu);
    if (Wants(wanted, Metric::kProcessCpuTime)) out->SetLevel(Metric::kProcessCpuTime, cpu / kMillisecond);
    elapsed_.Add(now);
    if (Wants(wanted, Metric::kProcessCpu)) SetPair(Metric::kProcessCpu, cpu / kSecond, elapsed_.seconds(), out);
    if ((wanted & kOfIo) != 0) ReadIo(wanted & kOfIo, out);
    ReadMembers(now, wanted & (kOfMemory | MaskOf(Metric::kProcessCount)), out);
    if (Wants(wanted, Metric::kProcessThreads)) ReadThreads(now, out);
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
    // Windows updates processor time with the ticks of its clock.
    if (metric == Metric::kProcessCpu || metric == Metric::kProcessCpuTime) return 16;
    return metric == Metric::kProcessThreads ? 1000 : InfoOf(metric).min_period_ms;
  }

 private:
  static constexpr MetricMask kOfMemory = MaskOf(Metric::kProcessRss) | MaskOf(Metric::kProcessFootprint);

  static constexpr MetricMask kOfIo = MaskOf(Metric::kProcessRead) | MaskOf(Metric::kProcessWrite);

  // The handle keeps the process id from being used again; nullptr while the process could not be opened.
  struct Member {
    DWORD pid;
    HANDLE process;
    DWORD refused;  // with this error
    ConsoleHost console_host;
  };

  static void Drop(const Member& member) {
    if (member.process != nullptr) CloseHandle(member.process);
  }

  static void SetFailed(const char* call, DWORD error, MetricMask metrics, Readings* out) {
    Failure why;
    SetWinError(call, "", error, "", &why);
    SetUnavailable(metrics, why, out);
  }

  void ReadIo(MetricMask wanted, Readings* out) const {
    JOBOBJECT_BASIC_AND_IO_ACCOUNTING_INFORMATION all = {};
    if (!QueryInformationJobObject(job_, JobObjectBasicAndIoAccountingInformation, &all, sizeof(all), nullptr)) {
      return SetFailed("QueryInformationJobObject", GetLastError(), wanted, out);
    }
    SetPair(Metric::kProcessRead, static_cast<double>(all.IoInfo.ReadTransferCount), elapsed_.seconds(), out);
    SetPair(Metric::kProcessWrite, static_cast<double>(all.IoInfo.WriteTransferCount), elapsed_.seconds(), out);
  }

  void ReadMembers(uint64_t now, MetricMask wanted, Readings* out) {
    if (wanted == 0) return;
    if (!list_.Read(job_)) return SetFailed("QueryInformationJobObject", GetLastError(), wanted, out);
    Follow();
    if (Wants(wanted, Metric::kProcessCount))
      out->SetLevel(Metric::kProcessCount, static_cast<double>(members_.size() - console_hosts_));
    if ((wanted & kOfMemory) != 0) ReadMemory(now, wanted, out);
  }

  void ReadMemory(uint64_t now, MetricMask wanted, Readings* out) {
    double rss = 0, footprint = 0;
    for (const Member& member : members_) {
      // A sum that leaves out a running member would be too low.
      if (member.process == nullptr && member.refused == ERROR_ACCESS_DENIED) {
        Failure why;
        why.Set(Message().Add("process ").Add(uint64_t{member.pid}).Add(" of the command cannot be read").get());
        return SetUnavailable(wanted & kOfMemory, why, out);
      }
      PROCESS_MEMORY_COUNTERS_EX counters = {};
      auto* plain = reinterpret_cast<PROCESS_MEMORY_COUNTERS*>(&counters);
      if (member.process == nullptr || !K32GetProcessMemoryInfo(member.process, plain, sizeof(counters))) continue;
      rss += static_cast<double>(counters.WorkingSetSize);
      // Wine reports 0, which no running process can have.
      footprint += static_cast<double>(counters.PrivateUsage != 0 ? counters.PrivateUsage : counters.WorkingSetSize);
    }
    slope_.Add(now, -footprint);
    if (Wants(wanted, Metric::kProcessRss)) out->SetLevel(Metric::kProcessRss, rss);
    if (Wants(wanted, Metric::kProcessFootprint)) out->SetLevel(Metric::kProcessFootprint, footprint);
  }

  void ReadThreads(uint64_t now, Readings* out) {
    if (threads_at_ == 0 || now - threads_at_ >= kListPeriod) {
      threads_at_ = now;
      threads_error_ = CountThreads() ? 0 : GetLastError();
    }
    if (threads_error_ != 0) {
      return SetFailed("CreateToolhelp32Snapshot", threads_error_, MaskOf(Metric::kProcessThreads), out);
    }
    out->SetLevel(Metric::kProcessThreads, threads_);
  }

  // Opens new members and closes those that are gone. Allocates only when there are more members than ever before.
  void Follow() {
    for (size_t i = members_.size(); i-- > 0;) {
      if (list_.Has(members_[i].pid)) continue;
      Drop(members_[i]);
      members_.erase(&members_[i]);
    }
    const size_t known = members_.size();
    for (uint32_t i = 0; i < list_.count(); i++) {
      bool found = false;
      for (size_t k = 0; k < known && !found; k++) found = members_[k].pid == list_[i];
      if (found) continue;
      members_.push_back({list_[i], nullptr, 0, ConsoleHost::kUnknown});
    }
    console_hosts_ = 0;
    for (Member& member : members_) {
      if (member.process == nullptr) {
        member.process = OpenForQuery(member.pid);
        member.refused = member.process == nullptr ? GetLastError() : 0;
      }
      // A process that is just being created may not have a name yet.
      if (member.console_host == ConsoleHost::kUnknown) member.console_host = IsConsoleHost(member.process);
      console_hosts_ += member.console_host == ConsoleHost::kYes ? 1 : 0;
    }
  }

  // False with GetLastError().
  bool CountThreads() {
    if (!list_.Read(job_)) return false;
    const HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    if (snapshot == INVALID_HANDLE_VALUE) return false;
    threads_ = 0;
    PROCESSENTRY32W entry;
    entry.dwSize = sizeof(entry);
    for (BOOL more = Process32FirstW(snapshot, &entry); more; more = Process32NextW(snapshot, &entry)) {
      if (list_.Has(entry.th32ProcessID)) threads_ += entry.cntThreads;
    }
    CloseHandle(snapshot);
    return true;
  }

  const int64_t pid_;
  const HANDLE job_;
  JobList list_;
  List<Member> members_;
  uint32_t console_hosts_ = 0;
  ElapsedTime elapsed_;
  uint64_t threads_at_ = 0;
  DWORD threads_error_ = 0;
  double threads_ = 0;
  Slope slope_;
};

}  // namespace

Probe* MakeJobProbe(int64_t pid) {
  const HANDLE job = OpenJobOf(pid);
  return job == nullptr ? nullptr : new JobProbe(pid, job);
}

}  // namespace tripline
