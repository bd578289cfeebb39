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

constexpr size_t kInterfaceNameSize = 16;  // IFNAMSIZ

// One line of /proc/net/dev.
struct InterfaceLine {
  Span name;     // shorter than kInterfaceNameSize
  Span numbers;  // bytes packets errs drop fifo frame compressed multicast, and the same eight for what is sent
};

// The next one; the two headings are passed over. The name ends at the last colon before the numbers, since an alias
// may hold one.
bool NextInterface(Scanner* scan, InterfaceLine* out);

// The bytes of a line.
bool ParseTraffic(Span numbers, uint64_t* received, uint64_t* sent);

// /proc/vmstat: pages swapped in and out since the start. False when the kernel has no swap counters.
bool ParseSwapCounters(const char* data, size_t size, uint64_t* pages);

}  // namespace tripline
