// The files of one process, and /proc/loadavg.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tripline {

// /proc/<pid>/stat. Times in ticks; the resident set in pages.
struct ProcessStat {
  int64_t pid = 0;
  int64_t parent = 0;
  char state = 0;
  uint64_t user = 0, system = 0;
  uint64_t child_user = 0, child_system = 0;  // of children that were waited for
  uint64_t faults = 0;                        // minor faults of its own
  uint64_t child_faults = 0;                  // minor faults of the same children; grows with each child
  uint64_t threads = 0;
  uint64_t start = 0;  // ticks since boot: with the pid, the identity of a process
  uint64_t resident = 0;

  // Whether the main thread has ended and others live. The process then lives, too, although the kernel shows a zombie.
  bool lost_main_thread() const { return state == 'Z' && threads > 1; }
  // Whether all threads have ended. A zombie only waits for its parent to reap it.
  bool ended() const { return state == 'X' || (state == 'Z' && threads <= 1); }
};
bool ParseProcessStat(const char* data, size_t size, ProcessStat* out);

// /proc/<pid>/statm: resident pages.
bool ParseStatm(const char* data, size_t size, uint64_t* size_pages, uint64_t* resident_pages);

// Memory in KiB.
struct Footprint {
  uint64_t anonymous = 0;  // resident or swapped out
  uint64_t shared = 0;     // resident
};
// /proc/<pid>/status. False for kernel threads, and on kernels before 4.5, which do not count anonymous pages
// separately.
bool ParseFootprint(const char* data, size_t size, Footprint* out);
// /proc/<pid>/smaps_rollup: each page divided by the number of processes that map it. Kernels before 5.4 only have the
// sum of both, which includes pages of files.
bool ParseShare(const char* data, size_t size, Footprint* out);

// /proc/<pid>/io: bytes fetched from storage and bytes to be written to it, by the process and the children that it has
// reaped.
struct ProcessIo {
  uint64_t read = 0;
  uint64_t written = 0;
};
bool ParseProcessIo(const char* data, size_t size, ProcessIo* out);

// /proc/<pid>/limits: the soft limit of open files; UINT64_MAX if there is none.
bool ParseOpenFilesLimit(const char* data, size_t size, uint64_t* limit);

// The first number of /proc/loadavg.
bool ParseLoadavg(const char* data, size_t size, double* one_minute);

}  // namespace tripline
