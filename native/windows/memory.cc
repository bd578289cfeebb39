// memory*, swap: physical memory, commit, and the limits of the job. Direct calls alone: they take a microsecond, and
// a performance counter's figure would be up to a second old.
#include <initializer_list>

#include "convert.h"
#include "families.h"
#include "platform.h"
#include "slope.h"
#include "win.h"
#include <psapi.h>

namespace tripline {
namespace {

constexpr uint64_t kJobPeriod = 100 * kMillisecond;

struct PageFiles {
  uint64_t total = 0, used = 0;  // pages
};

// Without a calling convention, as psapi.h has it.
BOOL AddPageFile(LPVOID context, PENUM_PAGE_FILE_INFORMATION info, LPCWSTR) {
  auto* sum = static_cast<PageFiles*>(context);
  sum->total += info->TotalSize;
  sum->used += info->TotalInUse;
  return TRUE;
}

class MemoryProbe final : public Probe {
 public:
  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    Failure why;
    if (!ReadHost(&why)) {
      for (const Metric each : {Metric::kMemory, Metric::kMemoryAvailable, Metric::kMemoryHost}) {
        SetUnavailable(wanted, each, why, out);
      }
    } else {
      ReadLimits(now, wanted);
      verdict_ = windows::JudgeMemory(figures_);
      const double available = static_cast<double>(verdict_.available);
      slope_.Add(now, available);
      host_slope_.Add(now, static_cast<double>(figures_.physical_available));
      SetLevel(wanted, Metric::kMemoryAvailable, available, out);
      SetLevel(wanted, Metric::kMemory, 100 * (1 - available / static_cast<double>(verdict_.limit)), out);
      SetLevel(wanted, Metric::kMemoryHost, 100 * (1 - static_cast<double>(figures_.physical_available) / Total()), out);
    }
    if (Wants(wanted, Metric::kSwap)) ReadSwap(wanted, out);
  }

  const char* Origin(Metric metric) const override {
    switch (metric) {
      case Metric::kSwap: return "EnumPageFiles";
      case Metric::kMemoryHost: return "GlobalMemoryStatusEx";
      default: break;
    }
    switch (verdict_.bound) {
      case windows::MemoryBound::kCommit: return "GetPerformanceInfo (commit)";
      case windows::MemoryBound::kJob: return "QueryInformationJobObject (JobMemoryLimit)";
      case windows::MemoryBound::kProcess: return "QueryInformationJobObject (ProcessMemoryLimit)";
      default: return "GlobalMemoryStatusEx";
    }
  }

  double MaxSlope(Metric metric) const override {
    switch (metric) {
      case Metric::kMemoryAvailable: return slope_.Credible();
      case Metric::kMemory:
        return verdict_.limit == 0 ? 0 : 100 * slope_.Credible() / static_cast<double>(verdict_.limit);
      case Metric::kMemoryHost: return Total() > 0 ? 100 * host_slope_.Credible() / Total() : 0;
      case Metric::kSwap: return swap_total_ > 0 ? 100 * Slope::kFloor / swap_total_ : 0;
      default: return 0;
    }
  }

 private:
  static void SetLevel(MetricMask wanted, Metric metric, double value, Readings* out) {
    if (Wants(wanted, metric)) out->SetLevel(metric, value);
  }

  double Total() const { return static_cast<double>(figures_.physical_total); }

  bool ReadHost(Failure* why) {
    MEMORYSTATUSEX status;
    status.dwLength = sizeof(status);
    if (!GlobalMemoryStatusEx(&status) || status.ullTotalPhys == 0) {
      SetWinError("GlobalMemoryStatusEx", "", GetLastError(), "", why);
      return false;
    }
    figures_.physical_total = status.ullTotalPhys;
    figures_.physical_available = status.ullAvailPhys;
    // ullAvailPageFile would be this process's share of commit, which a job limit may have cut already.
    PERFORMANCE_INFORMATION info;
    info.cb = sizeof(info);
    const bool has_commit = K32GetPerformanceInfo(&info, sizeof(info)) && info.CommitLimit > 0;
    figures_.commit_limit = has_commit ? uint64_t{info.CommitLimit} * info.PageSize : 0;
    figures_.commit_total = has_commit ? uint64_t{info.CommitTotal} * info.PageSize : 0;
    page_ = has_commit ? info.PageSize : 4096;
    return true;
  }

  void ReadLimits(uint64_t now, MetricMask wanted) {
    constexpr MetricMask kLimited = MaskOf(Metric::kMemory) | MaskOf(Metric::kMemoryAvailable);
    if ((wanted & kLimited) == 0) return;
    // A process that is not in a job costs one call in a while.
    const bool limited = figures_.job_limit != 0 || figures_.process_limit != 0;
    if (limits_at_ != 0 && now - limits_at_ < (limited ? kJobPeriod : kSecond)) return ReadUse(limited);
    limits_at_ = now;
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {};
    const bool found =
        QueryInformationJobObject(nullptr, JobObjectExtendedLimitInformation, &limits, sizeof(limits), nullptr);
    const DWORD flags = found ? limits.BasicLimitInformation.LimitFlags : 0;
    figures_.job_limit = (flags & JOB_OBJECT_LIMIT_JOB_MEMORY) != 0 ? limits.JobMemoryLimit : 0;
    figures_.process_limit = (flags & JOB_OBJECT_LIMIT_PROCESS_MEMORY) != 0 ? limits.ProcessMemoryLimit : 0;
    ReadUse(figures_.job_limit != 0 || figures_.process_limit != 0);
  }

  void ReadUse(bool limited) {
    if (!limited) return;
    PROCESS_MEMORY_COUNTERS_EX counters = {};
    const bool own = K32GetProcessMemoryInfo(GetCurrentProcess(), reinterpret_cast<PROCESS_MEMORY_COUNTERS*>(&counters),
                                             sizeof(counters));
    figures_.process_used = own ? counters.PrivateUsage : 0;
    // JobObjectMemoryUsageInformation: what all processes of the job have committed.
    struct {
      uint64_t used, peak;
    } usage = {};
    constexpr auto kMemoryUsage = static_cast<JOBOBJECTINFOCLASS>(28);
    const bool has_usage = QueryInformationJobObject(nullptr, kMemoryUsage, &usage, sizeof(usage), nullptr);
    figures_.job_used = has_usage ? usage.used : figures_.process_used;
  }

  void ReadSwap(MetricMask wanted, Readings* out) {
    PageFiles files;
    if (!K32EnumPageFilesW(AddPageFile, &files)) {
      Failure why;
      SetWinError("EnumPageFiles", "", GetLastError(), "", &why);
      return SetUnavailable(wanted, Metric::kSwap, why, out);
    }
    swap_total_ = static_cast<double>(files.total) * static_cast<double>(page_);
    // Without a page file none of it is used.
    const double share = files.total > 0 ? static_cast<double>(files.used) / static_cast<double>(files.total) : 0;
    out->SetLevel(Metric::kSwap, 100 * share);
  }

  windows::MemoryFigures figures_;
  windows::MemoryVerdict verdict_;
  uint64_t limits_at_ = 0;
  uint64_t page_ = 4096;
  double swap_total_ = 0;
  Slope slope_, host_slope_;
};

}  // namespace

Probe* MakeMemoryProbe(Failure*) { return new MemoryProbe(); }

}  // namespace tripline
