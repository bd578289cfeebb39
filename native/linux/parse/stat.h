// /proc/stat: CPU time in ticks of 1/100 s.
#pragma once

#include <cstddef>
#include <cstdint>

#include "linux/parse/scan.h"

namespace tripline {

// In the kernel's order; columns that an old kernel lacks stay 0. guest and guest_nice are left out: they are already
// inside user and nice.
struct CpuTimes {
  enum Field : uint8_t { kUser, kNice, kSystem, kIdle, kIowait, kIrq, kSoftirq, kSteal, kFields };
  uint64_t of[kFields] = {};

  // gVisor and similar systems show the file without keeping the counters: on any real kernel, some counter is above 0.
  bool IsZero() const {
    uint64_t any = 0;
    for (const uint64_t field : of) any |= field;
    return any == 0;
  }
};

// The line of all CPUs, which is the first. False if it is missing or has fewer than four columns.
bool ParseCpuTotal(const char* data, size_t size, CpuTimes* out);

// Iterates over the lines of single CPUs, which follow. Offline CPUs have no line, so use the number on the line.
class CpuLines {
 public:
  CpuLines(const char* data, size_t size) : scan_(data, size) {}
  bool Next(uint32_t* cpu, CpuTimes* out);

 private:
  Scanner scan_;
};

// The number of CPUs with a line.
uint32_t CountCpuLines(const char* data, size_t size);

// The number of CPUs in a list such as "0-3,6" (sysfs). False for anything else.
bool ParseCpuList(const char* data, size_t size, uint32_t* count);

}  // namespace tripline
