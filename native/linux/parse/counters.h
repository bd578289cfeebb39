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
  uint64_t operations = 0;  // completed reads and writes
  uint64_t waited_ms = 0;   // the sum of their durations
  uint64_t in_flight = 0;   // requests; with the next
  uint64_t busy_ms = 0;
};
// The columns to parse. Nothing behind the last of them is read.
enum BlockColumns : uint8_t {
  kReadColumn = 1,
  kWrittenColumn = 2,
  kBusyColumn = 4,
  kOperationColumns = 8,
  kAllColumns = 15
};
bool ParseBlockStat(const char* data, size_t size, uint8_t columns, BlockStat* out);

constexpr size_t kInterfaceNameSize = 16;  // IFNAMSIZ

// What a ZFS pool has read and written, and the nanoseconds that this took: /proc/spl/kstat/zfs/<pool>/io, up to
// version 0.8.
struct PoolIo {
  uint64_t read = 0, written = 0;  // bytes
  uint64_t operations = 0;
  uint64_t busy_ns = 0;
};
bool ParsePoolIo(const char* data, size_t size, PoolIo* out);

// The same without the time, from .../iostats, since version 2.3: reads that missed the cache, and direct I/O.
bool ParsePoolStats(const char* data, size_t size, PoolIo* out);

// One line of /proc/net/dev.
struct InterfaceLine {
  Span name;     // shorter than kInterfaceNameSize
  Span numbers;  // bytes packets errs drop fifo frame compressed multicast, and the same eight for what is sent
};

// The next line of an interface; the two heading lines are skipped. The name ends at the last colon before the numbers,
// because an alias may contain a colon.
bool NextInterface(Scanner* scan, InterfaceLine* out);

// The bytes of a line; pass nullptr for a value that is not needed.
bool ParseTraffic(Span numbers, uint64_t* received, uint64_t* sent);

// Damaged and dropped packets, both directions together.
bool ParseTrafficErrors(Span numbers, uint64_t* errors, uint64_t* drops);

// /proc/vmstat: pages swapped in and out since boot. False if the kernel has no swap counters.
bool ParseSwapCounters(const char* data, size_t size, uint64_t* pages);

}  // namespace tripline
