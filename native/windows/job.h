// The job object of one command. The kernel keeps its processes together, and ends them when its last handle is closed.
#pragma once

#include "windows/win.h"

#include <cstdlib>

namespace tripline {

// The processes of a job at one moment.
class JobList {
 public:
  JobList() = default;
  ~JobList() { free(memory_); }
  JobList(const JobList&) = delete;
  JobList& operator=(const JobList&) = delete;

  // False when the system refuses, with GetLastError(). Allocates only when the job has more processes than ever
  // before.
  bool Read(HANDLE job);
  uint32_t count() const { return count_; }
  DWORD operator[](uint32_t index) const { return static_cast<DWORD>(list()->ProcessIdList[index]); }
  bool Has(DWORD pid) const;

 private:
  JOBOBJECT_BASIC_PROCESS_ID_LIST* list() const { return static_cast<JOBOBJECT_BASIC_PROCESS_ID_LIST*>(memory_); }

  void* memory_ = nullptr;
  DWORD size_ = 0;
  uint32_t count_ = 0;
};

// Whether a process is a console host, which Windows starts beside the first program that needs a new console.
enum class ConsoleHost : uint8_t { kUnknown, kNo, kYes };
ConsoleHost IsConsoleHost(HANDLE process);
uint32_t CountConsoleHosts(const JobList& list);

struct JobUsage {
  uint64_t cpu = 0;     // nanoseconds, including processes that have ended
  uint32_t total = 0;   // processes that were ever in the job
  uint32_t active = 0;  // processes that are in it now
};
// False when the system refuses, with GetLastError().
bool ReadJobUsage(HANDLE job, JobUsage* usage);

class Job {
 public:
  Job() = default;
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // No process can leave the job, and all end with this process. `port` receives the job's notifications, with `key`.
  bool Open(HANDLE port, ULONG_PTR key, Failure* why);
  HANDLE get() const { return job_; }

  // Puts a process that does not run yet into the job, if it is not in it already.
  bool Hold(HANDLE process) const;
  void Terminate(uint32_t code) { TerminateJobObject(job_, code); }

  // Suspends all processes, including those that are started meanwhile. May be called again for later ones.
  void Suspend();
  void Resume();

 private:
  struct Stopped {
    DWORD pid;
    HANDLE process;  // kept open, so that the process id is not used again
  };

  bool SuspendOne(DWORD pid);

  HANDLE job_ = nullptr;
  JobList list_;
  Stopped* stopped_ = nullptr;
  uint32_t stopped_count_ = 0, stopped_capacity_ = 0;
};

// Registers the job of a command by the command's process id, for the probe of a tree.
void RememberJob(int64_t pid, HANDLE job);
void ForgetJob(int64_t pid);
// Returns a handle that the caller closes, or nullptr where `pid` is not a command.
HANDLE OpenJobOf(int64_t pid);

}  // namespace tripline
