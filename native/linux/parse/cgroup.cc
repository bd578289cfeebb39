#include "linux/parse/cgroup.h"
#include "util/counter.h"

namespace tripline {

bool NextCgroupLine(Scanner* scan, CgroupLine* out) {
  while (!scan->done()) {
    const Span line = scan->Line();
    const void* first = memchr(line.data, ':', line.size);
    if (first == nullptr) continue;
    const char* list = static_cast<const char*>(first) + 1;
    const size_t rest = static_cast<size_t>(line.data + line.size - list);
    // A version 1 name may contain a colon ("name=a:b"), and a path begins with a slash, so the separator is ":/".
    const char* colon = list;
    const char* end = list + rest;
    while (colon != end && !(*colon == ':' && colon + 1 != end && colon[1] == '/')) colon++;
    if (colon == end) continue;
    out->controllers = {list, static_cast<size_t>(colon - list)};
    out->path = {colon + 1, static_cast<size_t>(end - colon - 1)};
    return true;
  }
  return false;
}

bool ListHas(Span list, const char* item) {
  const char* at = list.data;
  const char* end = list.data + list.size;
  while (at < end) {
    const void* comma = memchr(at, ',', static_cast<size_t>(end - at));
    const char* stop = comma == nullptr ? end : static_cast<const char*>(comma);
    if (Span{at, static_cast<size_t>(stop - at)}.Is(item)) return true;
    at = stop + 1;
  }
  return false;
}

bool ParseCount(const char* data, size_t size, uint64_t* out) {
  Scanner scan(data, size);
  uint64_t value = 0;
  if (!scan.Whole(&value) || !scan.AtContentEnd()) return false;
  *out = value;
  return true;
}

bool ParseLimit(const char* data, size_t size, uint64_t* out) {
  Scanner scan(data, size);
  scan.SkipBlanks();
  uint64_t value = kNoLimit;
  if (!scan.Match("max")) {
    const bool negative = scan.Match("-");
    if (!scan.Number(&value)) return false;
    if (negative) value = kNoLimit;
  }
  if (!scan.AtContentEnd()) return false;
  *out = value;
  return true;
}

bool ParseCpuMax(const char* data, size_t size, double* cpus) {
  Scanner scan(data, size);
  *cpus = 0;
  scan.SkipBlanks();
  const bool unlimited = scan.Match("max") && scan.AtWordEnd();
  uint64_t quota = 0, period = 0;
  if (!unlimited && !scan.Whole(&quota)) return false;
  if (unlimited && scan.AtContentEnd()) return true;
  if (!scan.Whole(&period) || period == 0 || !scan.AtContentEnd()) return false;
  if (unlimited) return true;
  *cpus = ToDouble(quota) / ToDouble(period);
  return true;
}

bool ParseCgroupCpu(const char* data, size_t size, CgroupCpu* out) {
  // Version 1 counts in nanoseconds.
  constexpr Key kKeys[] = {{"usage_usec "}, {"throttled_usec "}, {"throttled_time "}};
  uint64_t values[3] = {};
  const uint32_t found = ReadKeys(data, size, kKeys, 3, 7, values);
  *out = CgroupCpu();
  out->has_usage = (found & 1) != 0;
  out->has_throttled = (found & 6) != 0;
  out->usage = SaturatingProduct(values[0], 1000);
  out->throttled = (found & 2) != 0 ? SaturatingProduct(values[1], 1000) : values[2];
  return found != 0;
}

bool ParseCgroupMemory(const char* data, size_t size, int version, CgroupMemory* out) {
  // In version 1, the lines without "total_" count the group alone, without its children.
  enum : uint32_t { kInactive, kActive, kDirty, kWriteback, kLast, kCount };
  constexpr Key kFirst[kCount] = {{"total_inactive_file "},
                                  {"total_active_file "},
                                  {"total_dirty "},
                                  {"total_writeback "},
                                  {"hierarchical_memory_limit "}};
  constexpr Key kSecond[kCount] = {
      {"inactive_file "}, {"active_file "}, {"file_dirty "}, {"file_writeback "}, {"slab_reclaimable "}};
  uint64_t values[kCount] = {};
  const uint32_t found = ReadKeys(data, size, version == 1 ? kFirst : kSecond, kCount, (1 << kCount) - 1, values);
  *out = CgroupMemory();
  if (version == 1 && (found & 1 << kLast) != 0) out->limit = values[kLast];
  const uint64_t cache = SaturatingSum(values[kInactive], values[kActive]);
  out->reclaimable = SaturatingSum(cache, version == 2 ? values[kLast] : 0);
  out->writeback = values[kWriteback];
  const uint64_t waiting = SaturatingSum(values[kDirty], values[kWriteback]);
  out->waiting = waiting < cache ? waiting : cache;
  return found != 0;
}

bool ParseReclaimed(const char* data, size_t size, int version, uint64_t* pages) {
  constexpr Key kFirst[] = {{"total_pgpgout "}};
  constexpr Key kSecond[] = {{"pgsteal "}};
  return ReadKeys(data, size, version == 1 ? kFirst : kSecond, 1, 1, pages) != 0;
}

bool ParseEventsMax(const char* data, size_t size, uint64_t* count) {
  constexpr Key kKey[] = {{"max "}};
  return ReadKeys(data, size, kKey, 1, 1, count) != 0;
}

}  // namespace tripline
