// The job object of one command: what the kernel itself holds together, and ends with its last handle.
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

  // False when the system refuses, with GetLastError(). Allocates only for more than there ever were.
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

// Whether it is the other half of a console, which Windows starts beside the first program that needs a new one.
enum class ConsoleHost : uint8_t { kUnknown, kNo, kYes };
ConsoleHost IsConsoleHost(HANDLE process);
uint32_t CountConsoleHosts(const JobList& list);

struct JobUsage {
  uint64_t cpu = 0;     // nanoseconds, of those that have ended too
  uint32_t total = 0;   // how many there ever were
  uint32_t active = 0;  // and are now
};
// False when the system refuses, with GetLastError().
bool ReadJobUsage(HANDLE job, JobUsage* usage);

class Job {
 public:
  Job() = default;
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // No process in it gets out, and all end with this one. `port` is notified, with `key`, of what becomes of it.
  bool Open(HANDLE port, ULONG_PTR key, Failure* why);
  HANDLE get() const { return job_; }

  // Puts in a process that does not run yet, if it is not in already.
  bool Hold(HANDLE process) const;
  void Terminate(uint32_t code) { TerminateJobObject(job_, code); }

  // Stops all of them, also those that come meanwhile; may be called again for newcomers.
  void Suspend();
  void Resume();

 private:
  struct Stopped {
    DWORD pid;
    HANDLE process;  // held, so that its number is not used again
  };

  bool SuspendOne(DWORD pid);

  HANDLE job_ = nullptr;
  JobList list_;
  Stopped* stopped_ = nullptr;
  uint32_t stopped_count_ = 0, stopped_capacity_ = 0;
};

// For the probe of a tree: which command is in which job, by the command's number.
void RememberJob(int64_t pid, HANDLE job);
void ForgetJob(int64_t pid);
// A handle that the caller closes, or nullptr where `pid` is no command.
HANDLE OpenJobOf(int64_t pid);

}  // namespace tripline
