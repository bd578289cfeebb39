// /proc/meminfo, in bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tripline {

struct Meminfo {
  uint64_t total = 0;
  uint64_t available = 0;  // MemAvailable, or what stands in for it; never more than total
  bool doubtful = false;   // it says that more was available than there is
  uint64_t swap_total = 0;
  uint64_t swap_free = 0;
};

// `with_swap` false leaves swap at 0 and stops reading earlier. False when there is no MemTotal, or more is free than
// that. Kernels before 3.14, and some containers, have no MemAvailable (or a 0 that cannot be): then it is
// MemFree + Buffers + Cached + SReclaimable - Shmem. Where what is available is more than MemTotal, it is MemFree.
bool ParseMeminfo(const char* data, size_t size, bool with_swap, Meminfo* out);

// /proc/spl/kstat/zfs/arcstats: what ZFS gives back under pressure, max(0, size - c_min). MemAvailable does not count
// it.
bool ParseArcstats(const char* data, size_t size, uint64_t* reclaimable);

}  // namespace tripline
