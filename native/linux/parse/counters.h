// Counters of devices: disks, network interfaces, swapping.
#pragma once

#include <cstddef>
#include <cstdint>

#include "linux/parse/scan.h"
#include "util/counter.h"

namespace tripline {

// /sys/block/<device>/stat.
struct BlockStat {
  uint64_t read_sectors = 0;  // of 512 bytes, whatever the device's own are
  uint64_t written_sectors = 0;
  uint64_t busy_ms = 0;
};
bool ParseBlockStat(const char* data, size_t size, BlockStat* out);

// One interface of /proc/net/dev; the name ends at the last colon before the numbers, since an alias may hold one.
struct NetworkInterface {
  Span name;
  uint64_t received = 0;  // bytes
  uint64_t sent = 0;
};
bool NextInterface(Scanner* scan, NetworkInterface* out);

// /proc/vmstat: pages swapped in and out since the start. False when the kernel has no swap counters.
bool ParseSwapCounters(const char* data, size_t size, uint64_t* pages);

}  // namespace tripline
