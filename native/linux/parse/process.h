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
  uint64_t threads = 0;
  uint64_t start = 0;  // ticks since boot: with the pid, the identity of a process
  uint64_t resident = 0;
};
bool ParseProcessStat(const char* data, size_t size, ProcessStat* out);

// /proc/<pid>/statm: resident pages.
bool ParseStatm(const char* data, size_t size, uint64_t* size_pages, uint64_t* resident_pages);

// The first figure of /proc/loadavg.
bool ParseLoadavg(const char* data, size_t size, double* one_minute);

}  // namespace tripline
