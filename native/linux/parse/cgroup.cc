#include "cgroup.h"

namespace tripline {

bool NextCgroupLine(Scanner* scan, CgroupLine* out) {
  while (!scan->done()) {
    const Span line = scan->Line();
    const void* first = memchr(line.data, ':', line.size);
    if (first == nullptr) continue;
    const char* list = static_cast<const char*>(first) + 1;
    const size_t rest = static_cast<size_t>(line.data + line.size - list);
    // A version 1 name may hold a colon ("name=a:b"), a path begins with a slash: the separator is ":/".
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

bool ParseLimit(const char* data, size_t size, uint64_t* out) {
  Scanner scan(data, size);
  scan.SkipBlanks();
  if (scan.Match("max") || scan.Match("-")) {
    *out = kNoLimit;
    return true;
  }
  return scan.Number(out);
}

bool ParseCpuMax(const char* data, size_t size, double* cpus) {
  Scanner scan(data, size);
  *cpus = 0;
  if (scan.Match("max")) return true;
  uint64_t quota = 0, period = 0;
  if (!scan.Number(&quota) || !scan.Number(&period) || period == 0) return false;
  *cpus = static_cast<double>(quota) / static_cast<double>(period);
  return true;
}

bool ParseCgroupCpu(const char* data, size_t size, CgroupCpu* out) {
  *out = CgroupCpu();
  Scanner scan(data, size);
  while (!scan.done()) {
    uint64_t value = 0;
    if (scan.Match("usage_usec ")) {
      if (scan.Number(&value))
        out->usage = value > UINT64_MAX / 1000 ? UINT64_MAX : value * 1000, out->has_usage = true;
    } else if (scan.Match("throttled_usec ")) {
      if (scan.Number(&value))
        out->throttled = value > UINT64_MAX / 1000 ? UINT64_MAX : value * 1000, out->has_throttled = true;
    } else if (scan.Match("throttled_time ")) {
      // Version 1 counts in nanoseconds.
      if (scan.Number(&value)) out->throttled = value, out->has_throttled = true;
    }
    scan.SkipLine();
  }
  return out->has_usage || out->has_throttled;
}

bool ParseCgroupMemory(const char* data, size_t size, int version, CgroupMemory* out) {
  *out = CgroupMemory();
  uint64_t inactive = 0, active = 0, slab = 0, dirty = 0, writeback = 0;
  bool any = false;
  Scanner scan(data, size);
  while (!scan.done()) {
    switch (scan.peek()) {
      case 'i':
        if (version == 2 && scan.Match("inactive_file ")) any |= scan.Number(&inactive);
        break;
      case 'a':
        if (version == 2 && scan.Match("active_file ")) any |= scan.Number(&active);
        break;
      case 's':
        if (version == 2 && scan.Match("slab_reclaimable ")) any |= scan.Number(&slab);
        break;
      case 'f':
        if (version != 2) break;
        if (scan.Match("file_dirty "))
          any |= scan.Number(&dirty);
        else if (scan.Match("file_writeback "))
          any |= scan.Number(&writeback);
        break;
      case 't':
        // Version 1: the lines without "total_" are of the group alone, without its children.
        if (version != 1) break;
        if (scan.Match("total_inactive_file "))
          any |= scan.Number(&inactive);
        else if (scan.Match("total_active_file "))
          any |= scan.Number(&active);
        else if (scan.Match("total_dirty "))
          any |= scan.Number(&dirty);
        else if (scan.Match("total_writeback "))
          any |= scan.Number(&writeback);
        break;
      case 'h':
        if (version == 1 && scan.Match("hierarchical_memory_limit ")) any |= scan.Number(&out->limit);
        break;
      default: break;
    }
    scan.SkipLine();
  }
  // A page that waits to be written cannot be taken back at once.
  const uint64_t file = inactive > UINT64_MAX - active ? UINT64_MAX : inactive + active;
  const uint64_t busy = dirty > UINT64_MAX - writeback ? UINT64_MAX : dirty + writeback;
  const uint64_t clean = file > busy ? file - busy : 0;
  out->reclaimable = clean > UINT64_MAX - slab ? UINT64_MAX : clean + slab;
  return any;
}

}  // namespace tripline
