// pids: the number of processes in this process's job, as a share of the job's limit.
#include "windows/families.h"
#include "windows/win.h"

namespace tripline {
namespace {

class PidsProbe final : public Probe {
 public:
  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    JOBOBJECT_BASIC_LIMIT_INFORMATION limits = {};
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION accounts = {};
    if (QueryInformationJobObject(nullptr, JobObjectBasicLimitInformation, &limits, sizeof(limits), nullptr) &&
        (limits.LimitFlags & JOB_OBJECT_LIMIT_ACTIVE_PROCESS) != 0 && limits.ActiveProcessLimit > 0 &&
        QueryInformationJobObject(nullptr, JobObjectBasicAccountingInformation, &accounts, sizeof(accounts), nullptr)) {
      const double share = 100.0 * accounts.ActiveProcesses / limits.ActiveProcessLimit;
      return out->SetLevel(Metric::kPids, share < 100 ? share : 100);
    }
    Failure why;
    why.Set("this process is in no job that limits how many processes there may be");
    SetUnavailable(wanted, why, out);
  }

  const char* Origin(Metric) const override { return "QueryInformationJobObject(JobObjectBasicLimitInformation)"; }
};

}  // namespace

Probe* MakePidsProbe(Failure*) { return new PidsProbe(); }

}  // namespace tripline
