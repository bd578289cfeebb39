// memory*, swap: physical memory, commit, and the limits of the job. Uses direct calls only: they take a microsecond,
// while a performance counter's value may be a second old. Commit comes from GlobalMemoryStatusEx too, because
// GetPerformanceInfo lists every process of the machine for each answer.
#include "port/platform.h"
#include "util/slope.h"
#include "windows/convert.h"
#include "windows/families.h"
#include "windows/win.h"

// After <windows.h>, on which they depend.
#include <psapi.h>

namespace tripline {
namespace {

constexpr uint64_t kJobPeriod = 100 * kMillisecond;

using QuerySystem = LONG(WINAPI*)(ULONG, PVOID, ULONG, PULONG);

class MemoryProbe final : public Probe {
 public:
  MemoryProbe() : query_(FindFunction<QuerySystem>(L"ntdll.dll", "NtQuerySystemInformation")) {}

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    Failure why;
    if (!ReadHost(&why)) {
      SetUnavailable(wanted & ~MaskOf(Metric::kSwap), why, out);
    } else {
      SetLevel(wanted, Metric::kMemoryHost, windows::ShareGone(figures_.physical_total, figures_.physical_available),
               out);
      host_slope_.Add(now, static_cast<double>(figures_.physical_available));
      ReadOwn(now, wanted & (MaskOf(Metric::kMemory) | MaskOf(Metric::kMemoryAvailable)), out);
    }
    if (Wants(wanted, Metric::kSwap)) ReadSwap(wanted, out);
  }

  const char* Origin(Metric metric) const override {
    switch (metric) {
      case Metric::kSwap: return "NtQuerySystemInformation(SystemPageFileInformation)";
      case Metric::kMemoryHost: return "GlobalMemoryStatusEx";
      default: break;
    }
    switch (verdict_.bound) {
      case windows::MemoryBound::kCommit: return "GlobalMemoryStatusEx (commit)";
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
    // The fields are named after the page file but hold commit: the machine's, or this process's share if that is less.
    const bool sane = status.ullTotalPageFile >= status.ullAvailPageFile;
    figures_.commit_limit = status.ullTotalPageFile;
    figures_.commit_total = sane ? status.ullTotalPageFile - status.ullAvailPageFile : 0;
    return true;
  }

  // Reads what this process may still allocate.
  void ReadOwn(uint64_t now, MetricMask wanted, Readings* out) {
    if (wanted == 0) return;
    // A process without limits is checked again only once in a while.
    const bool limited = figures_.job_limit != 0 || figures_.process_limit != 0;
    if (limits_at_ == 0 || now - limits_at_ >= (limited ? kJobPeriod : kSecond)) {
      limits_at_ = now;
      ReadLimits();
    }
    if (!ReadUse()) {
      Failure why;
      why.Set("the limit of the job is known, but not how much of it is used (Windows before 10 1607)");
      return SetUnavailable(wanted, why, out);
    }
    verdict_ = windows::JudgeMemory(figures_);
    slope_.Add(now, static_cast<double>(verdict_.available));
    SetLevel(wanted, Metric::kMemoryAvailable, static_cast<double>(verdict_.available), out);
    SetLevel(wanted, Metric::kMemory, windows::ShareGone(verdict_.limit, verdict_.available), out);
  }

  void ReadLimits() {
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {};
    const bool found =
        QueryInformationJobObject(nullptr, JobObjectExtendedLimitInformation, &limits, sizeof(limits), nullptr);
    const DWORD flags = found ? limits.BasicLimitInformation.LimitFlags : 0;
    figures_.job_limit = (flags & JOB_OBJECT_LIMIT_JOB_MEMORY) != 0 ? limits.JobMemoryLimit : 0;
    figures_.process_limit = (flags & JOB_OBJECT_LIMIT_PROCESS_MEMORY) != 0 ? limits.ProcessMemoryLimit : 0;
  }

  // False where there is a limit but its current use is not known.
  bool ReadUse() {
    if (figures_.process_limit != 0) {
      PROCESS_MEMORY_COUNTERS_EX counters = {};
      auto* plain = reinterpret_cast<PROCESS_MEMORY_COUNTERS*>(&counters);
      if (!K32GetProcessMemoryInfo(GetCurrentProcess(), plain, sizeof(counters))) return false;
      figures_.process_used = counters.PrivateUsage;
    }
    if (figures_.job_limit == 0) return true;
    // JobObjectMemoryUsageInformation: the memory that all processes of the job have committed.
    struct {
      uint64_t used, peak;
    } usage = {};
    constexpr auto kMemoryUsage = static_cast<JOBOBJECTINFOCLASS>(28);
    if (!QueryInformationJobObject(nullptr, kMemoryUsage, &usage, sizeof(usage), nullptr)) return false;
    figures_.job_used = usage.used;
    return true;
  }

  // Not EnumPageFiles: the calling convention of its callback is not reliable on 32 bits.
  void ReadSwap(MetricMask wanted, Readings* out) {
    constexpr ULONG kPageFiles = 18;  // SystemPageFileInformation
    alignas(8) char text[4096];
    ULONG size = 0;
    const LONG status = query_ == nullptr ? -1 : query_(kPageFiles, text, sizeof(text), &size);
    if (status != 0) {
      Failure why;
      why.Set(Message().Add(Origin(Metric::kSwap)).Add(": ").AddHex(static_cast<uint32_t>(status)).get());
      return SetUnavailable(wanted & MaskOf(Metric::kSwap), why, out);
    }
    const windows::PageFiles files = windows::SumOfPageFiles(text, size < sizeof(text) ? size : sizeof(text));
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    swap_total_ = static_cast<double>(files.total) * info.dwPageSize;
    out->SetLevel(Metric::kSwap, files.Share());
  }

  const QuerySystem query_;
  windows::MemoryFigures figures_;
  windows::MemoryVerdict verdict_;
  uint64_t limits_at_ = 0;
  double swap_total_ = 0;
  Slope slope_, host_slope_;
};

}  // namespace

Probe* MakeMemoryProbe(Failure*) { return new MemoryProbe(); }

}  // namespace tripline
