// Creates, lists, suspends and terminates job objects.
#include "windows/job.h"

#include <cstdlib>

#include "port/command_table.h"

namespace tripline {
namespace {

// Rounds of suspending: one is enough for all but a fork bomb.
constexpr uint32_t kRounds = 50;

// The jobs of running commands, by the process id of the command.
CommandTable<HANDLE>* Jobs() {
  static auto* const jobs = new CommandTable<HANDLE>();
  return jobs;
}

using ProcessCall = LONG(WINAPI*)(HANDLE);

void CallForProcess(const char* name, HANDLE process) {
  if (const auto call = FindFunction<ProcessCall>(L"ntdll.dll", name)) call(process);
}

}  // namespace

bool JobList::Read(HANDLE job) {
  for (;;) {
    if (memory_ != nullptr) {
      const BOOL all = QueryInformationJobObject(job, JobObjectBasicProcessIdList, memory_, size_, nullptr);
      if (!all && GetLastError() != ERROR_MORE_DATA) return false;
      count_ = list()->NumberOfProcessIdsInList;
      if (all) return true;
    }
    const DWORD size = size_ * 2 + 512;
    void* grown = realloc(memory_, size);
    // Without memory for all of them, keep the part that was read.
    if (grown == nullptr) return memory_ != nullptr;
    memory_ = grown;
    size_ = size;
  }
}

bool JobList::Has(DWORD pid) const {
  for (uint32_t i = 0; i < count_; i++) {
    if ((*this)[i] == pid) return true;
  }
  return false;
}

ConsoleHost IsConsoleHost(HANDLE process) {
  constexpr wchar_t kName[] = L"\\conhost.exe";
  constexpr DWORD kLength = sizeof(kName) / sizeof(wchar_t) - 1;
  wchar_t path[MAX_PATH];
  DWORD length = MAX_PATH;
  if (process == nullptr) return ConsoleHost::kUnknown;
  // A path too long for the buffer is not that of a system file.
  if (!QueryFullProcessImageNameW(process, 0, path, &length)) {
    return GetLastError() == ERROR_INSUFFICIENT_BUFFER ? ConsoleHost::kNo : ConsoleHost::kUnknown;
  }
  const bool is = length >= kLength && lstrcmpiW(path + length - kLength, kName) == 0;
  return is ? ConsoleHost::kYes : ConsoleHost::kNo;
}

uint32_t CountConsoleHosts(const JobList& list) {
  uint32_t found = 0;
  for (uint32_t i = 0; i < list.count(); i++) {
    const HANDLE process = OpenForQuery(list[i]);
    if (process == nullptr) continue;
    found += IsConsoleHost(process) == ConsoleHost::kYes ? 1 : 0;
    CloseHandle(process);
  }
  return found;
}

bool ReadJobUsage(HANDLE job, JobUsage* usage) {
  JOBOBJECT_BASIC_ACCOUNTING_INFORMATION accounting = {};
  if (!QueryInformationJobObject(job, JobObjectBasicAccountingInformation, &accounting, sizeof(accounting), nullptr)) {
    return false;
  }
  usage->cpu = static_cast<uint64_t>(accounting.TotalUserTime.QuadPart + accounting.TotalKernelTime.QuadPart) * 100;
  usage->total = accounting.TotalProcesses;
  usage->active = accounting.ActiveProcesses;
  return true;
}

Job::~Job() {
  Resume();
  free(stopped_);
  if (job_ != nullptr) CloseHandle(job_);
}

bool Job::Open(HANDLE port, ULONG_PTR key, Failure* why) {
  job_ = CreateJobObjectW(nullptr, nullptr);
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {};
  limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
  JOBOBJECT_ASSOCIATE_COMPLETION_PORT association = {reinterpret_cast<void*>(key), port};
  if (job_ != nullptr && SetInformationJobObject(job_, JobObjectExtendedLimitInformation, &limits, sizeof(limits)) &&
      SetInformationJobObject(job_, JobObjectAssociateCompletionPortInformation, &association, sizeof(association))) {
    return true;
  }
  SetWinError("CreateJobObject", "", GetLastError(), "", why);
  return false;
}

bool Job::Hold(HANDLE process) const {
  BOOL inside = FALSE;
  if (IsProcessInJob(process, job_, &inside) && inside) return true;
  return AssignProcessToJobObject(job_, process);
}

bool Job::SuspendOne(DWORD pid) {
  for (uint32_t i = 0; i < stopped_count_; i++) {
    if (stopped_[i].pid == pid) return false;
  }
  if (stopped_count_ == stopped_capacity_) {
    void* grown = realloc(stopped_, (stopped_capacity_ + 16) * sizeof(Stopped));
    if (grown == nullptr) return false;
    stopped_ = static_cast<Stopped*>(grown);
    stopped_capacity_ += 16;
  }
  const HANDLE process = OpenProcess(PROCESS_SUSPEND_RESUME | PROCESS_QUERY_INFORMATION, FALSE, pid);
  if (process == nullptr) return false;
  // The process may have ended since it was listed, and its number may belong to another one.
  BOOL inside = FALSE;
  if (!IsProcessInJob(process, job_, &inside) || !inside) {
    CloseHandle(process);
    return false;
  }
  CallForProcess("NtSuspendProcess", process);
  stopped_[stopped_count_++] = {pid, process};
  return true;
}

void Job::Suspend() {
  for (uint32_t round = 0; round < kRounds; round++) {
    bool new_ones = false;
    if (!list_.Read(job_)) return;
    for (uint32_t i = 0; i < list_.count(); i++) new_ones = SuspendOne(list_[i]) || new_ones;
    if (!new_ones) return;
  }
}

void Job::Resume() {
  for (uint32_t i = 0; i < stopped_count_; i++) {
    CallForProcess("NtResumeProcess", stopped_[i].process);
    CloseHandle(stopped_[i].process);
  }
  stopped_count_ = 0;
}

void RememberJob(int64_t pid, HANDLE job) { Jobs()->Add(pid, job); }

void ForgetJob(int64_t pid) { Jobs()->Remove(pid); }

HANDLE OpenJobOf(int64_t pid) {
  HANDLE own = nullptr;
  Jobs()->With(pid, [&own](HANDLE job) {
    const HANDLE self = GetCurrentProcess();
    DuplicateHandle(self, job, self, &own, JOB_OBJECT_QUERY, FALSE, 0);
  });
  return own;
}

}  // namespace tripline
