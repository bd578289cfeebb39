// /proc/meminfo, in bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tripline {

struct Meminfo {
  uint64_t total = 0;
  uint64_t available = 0;  // MemAvailable or its replacement; never more than total
  bool doubtful = false;   // the file shows more available memory than total memory
  uint64_t swap_total = 0;
  uint64_t swap_free = 0;
};

// With `with_swap` false, swap stays 0 and parsing stops earlier. False if there is no MemTotal, or more is free than
// that. Kernels before 3.14 and some containers have no MemAvailable (or a 0 next to much free memory or cache): it is
// then MemFree + Buffers + Cached + SReclaimable - Shmem. If that is more than MemTotal, it is MemFree.
bool ParseMeminfo(const char* data, size_t size, bool with_swap, Meminfo* out);

// /proc/spl/kstat/zfs/arcstats: what ZFS gives back under memory pressure, max(0, size - c_min). MemAvailable does not
// include it.
bool ParseArcstats(const char* data, size_t size, uint64_t* reclaimable);

}  // namespace tripline
