// The files of control groups, versions 1 and 2, and /proc/<pid>/cgroup.
#pragma once

#include <cstddef>
#include <cstdint>

#include "linux/parse/scan.h"

namespace tripline {

constexpr uint64_t kUnlimited = uint64_t{1} << 60;  // version 1 shows no limit as the largest multiple of the page size
constexpr uint64_t kNoLimit = UINT64_MAX;

// One line of /proc/<pid>/cgroup: "4:cpu,cpuacct:/a/b" in version 1, "0::/a/b" in version 2.
struct CgroupLine {
  Span controllers;  // empty in version 2
  Span path;
};
bool NextCgroupLine(Scanner* scan, CgroupLine* out);

// Whether a comma-separated list contains `item`.
bool ListHas(Span list, const char* item);

// A file with one number and nothing else.
bool ParseCount(const char* data, size_t size, uint64_t* out);

// The same, or "max", which becomes kNoLimit. Numbers that are negative (cpu.cfs_quota_us) or too large become
// kNoLimit, too.
bool ParseLimit(const char* data, size_t size, uint64_t* out);

// cpu.max: "50000 100000" or "max 100000". CPUs is quota / period; 0 without a quota.
bool ParseCpuMax(const char* data, size_t size, double* cpus);

// cpu.stat of either version, in nanoseconds.
struct CgroupCpu {
  uint64_t usage = 0;
  uint64_t throttled = 0;
  bool has_usage = false;      // version 2 only
  bool has_throttled = false;  // only where the cpu controller is enabled
};
bool ParseCgroupCpu(const char* data, size_t size, CgroupCpu* out);

// memory.stat of either version, in bytes.
struct CgroupMemory {
  uint64_t reclaimable = 0;   // page cache, and in version 2 slab, that the kernel can reclaim
  uint64_t waiting = 0;       // the part of it that must be written first: dirty, or under writeback
  uint64_t writeback = 0;     // under writeback
  uint64_t limit = kNoLimit;  // version 1: the tightest limit of this group and its ancestors, visible or not
};
bool ParseCgroupMemory(const char* data, size_t size, int version, CgroupMemory* out);

// From memory.stat: how many pages have left the group so far. By reclaim in version 2, in any way in version 1.
bool ParseReclaimed(const char* data, size_t size, int version, uint64_t* pages);

// From memory.events (version 2): how often the group was about to exceed its limit.
bool ParseEventsMax(const char* data, size_t size, uint64_t* count);

}  // namespace tripline
