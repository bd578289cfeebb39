// Converts raw figures of macOS to metrics, by pure functions over plain numbers that are tested on every system.
#pragma once

#include <cstddef>
#include <cstdint>

#include "util/counter.h"
#include "util/time.h"

namespace tripline::darwin {

// Ticks of 10 ms, summed over all processors. They are 32 bits wide and wrap within weeks on large machines.
struct CpuTicks {
  uint32_t user = 0, system = 0, idle = 0, nice = 0;
};

// PROCESSOR_CPU_LOAD_INFO: four counts for each processor. Sums may wrap, as the counts do.
inline CpuTicks SumOfProcessors(const int32_t* counts, uint32_t processors) {
  CpuTicks sum;
  for (const int32_t* each = counts; each != counts + 4 * static_cast<size_t>(processors); each += 4) {
    sum.user += static_cast<uint32_t>(each[0]);
    sum.system += static_cast<uint32_t>(each[1]);
    sum.idle += static_cast<uint32_t>(each[2]);
    sum.nice += static_cast<uint32_t>(each[3]);
  }
  return sum;
}

struct CpuSums {
  double busy = 0, all = 0;  // seconds

  void Add(const CpuTicks& old, const CpuTicks& now) {
    const double active = Grown(old.user, now.user) + Grown(old.system, now.system) + Grown(old.nice, now.nice);
    all += 0.01 * (active + Grown(old.idle, now.idle));
    busy += 0.01 * active;
  }

 private:
  // A small step back is a correction by the kernel; a large one is a wrap.
  static double Grown(uint32_t from, uint32_t to) {
    const uint32_t step = to - from;
    return step > 0xF0000000u ? 0 : static_cast<double>(step);
  }
};

// vm_statistics64, in pages.
struct VmPages {
  uint64_t internal = 0, purgeable = 0, wired = 0, compressor = 0;
};

// Free memory plus memory that can be reclaimed, which is everything that Activity Monitor does not call used. A
// healthy Mac has hardly any free pages.
inline uint64_t AvailableMemory(const VmPages& pages, uint64_t total, uint64_t page_size) {
  const uint64_t application = SaturatingDifference(pages.internal, pages.purgeable);
  return SaturatingDifference(total, (application + pages.wired + pages.compressor) * page_size);
}

// kern.memorystatus_vm_pressure_level: normal, warning, critical. At the critical level the kernel kills programs to
// reclaim memory, so nothing is left, whatever the page counts say.
inline bool IsCritical(int level) { return level == 4; }

// The used percentage of what an unprivileged user can use, as df counts it.
inline double ShareUsed(uint64_t total, uint64_t free, uint64_t available) {
  const double used = static_cast<double>(SaturatingDifference(total, free));
  const double usable = used + static_cast<double>(available);
  // In this order, because rounding must not make it more than 100.
  return usable > 0 ? 100 * (used / usable) : 0;
}

// The used percentage of the limit on descriptors: the lower of the soft limit, which may be "unlimited", and
// kern.maxfilesperproc.
inline double ShareOfDescriptors(uint64_t used, uint64_t soft, uint64_t most_per_process) {
  const uint64_t limit = most_per_process != 0 && most_per_process < soft ? most_per_process : soft;
  return limit == 0 ? 0 : 100 * static_cast<double>(used) / static_cast<double>(limit);
}

// mach_timebase_info: proc_pid_rusage counts in ticks of mach_absolute_time, which are 1 ns on Intel only.
inline double MachSeconds(uint64_t ticks, uint32_t numerator, uint32_t denominator) {
  return static_cast<double>(ticks) * numerator / (denominator == 0 ? 1 : denominator) / kSecond;
}

// Whether `path` is under the mount point `point`. Ignores case, as most volumes do; a path that is wrongly taken for
// one on a server is only read with more care.
inline bool IsUnder(const char* path, const char* point) {
  const auto small = [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
  };
  size_t i = 0;
  while (point[i] != '\0' && small(point[i]) == small(path[i])) i++;
  if (point[i] != '\0') return false;
  return i == 0 || path[i] == '\0' || path[i] == '/' || point[i - 1] == '/';
}

// Whether an interface has hardware behind it: Ethernet and Wi-Fi are named en0, en1, and so on. Bridges, tunnels,
// Apple's peer-to-peer links and loopback have other names, and would count the same bytes twice.
inline bool IsHardwareInterface(const char* name, size_t size, uint8_t type) {
  constexpr uint8_t kEthernet = 0x06, kCellular = 0xFF;
  if (type == kCellular) return true;
  return type == kEthernet && size > 2 && name[0] == 'e' && name[1] == 'n' && name[2] >= '0' && name[2] <= '9';
}

// Whether the bytes of an interface count. If no interface has hardware, every one but loopback counts.
inline bool IsCounted(bool hardware, bool any_hardware, uint8_t type) {
  constexpr uint8_t kLoopback = 0x18;
  return any_hardware ? hardware : type != kLoopback;
}

// Whether the counter of received bytes is frozen: an interface that sends this much receives at least acknowledgments.
// Recent versions of macOS hide the bytes that Wi-Fi receives from programs that are not Apple's.
inline bool StandsStill(double received, double sent) { return received == 0 && sent >= (1 << 20); }

// The thermal level that notifyd publishes: nominal, moderate, heavy, trapping, sleeping. From heavy on, the processor
// is slowed down.
inline bool IsThrottled(uint64_t level) { return level >= 2; }

}  // namespace tripline::darwin
