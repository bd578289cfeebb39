// From the raw figures of Windows to ours: pure functions over plain numbers, so that they are tested everywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "util/time.h"

namespace tripline::windows {

constexpr double kTicksPerSecond = 1e7;  // of 100 ns

// Time of processors in 100 ns, as GetSystemTimes and SYSTEM_PROCESSOR_PERFORMANCE_INFORMATION give it: kernel time
// contains idle time.
struct CpuTicks {
  uint64_t idle = 0, kernel = 0, user = 0;
};

// Seconds that never go backwards, although single counters of the kernel do.
struct CpuSums {
  double busy = 0, all = 0;

  void Add(const CpuTicks& old, const CpuTicks& now) {
    const auto grown = [](uint64_t from, uint64_t to) { return to > from ? static_cast<double>(to - from) : 0.0; };
    const double total = grown(old.kernel, now.kernel) + grown(old.user, now.user);
    const double idle = grown(old.idle, now.idle);
    all += total / kTicksPerSecond;
    busy += (total > idle ? total - idle : 0) / kTicksPerSecond;
  }
};

// A performance counter of the kind that counts idle time against the clock, averaged over processors: "% Processor
// Time" of _Total, "% Idle Time" of a disk.
struct IdleCounter {
  uint64_t idle = 0, clock = 0;  // 100 ns
};

// Shares of time that are busy, from idle time: the larger of nothing and what is left of the clock.
inline void AddIdle(const IdleCounter& old, const IdleCounter& now, double scale, CpuSums* sums) {
  if (now.clock <= old.clock) return;
  const double clock = static_cast<double>(now.clock - old.clock);
  const double idle = now.idle > old.idle ? static_cast<double>(now.idle - old.idle) : 0;
  sums->all += scale * clock / kTicksPerSecond;
  sums->busy += scale * (clock > idle ? clock - idle : 0) / kTicksPerSecond;
}

// Processor time of the whole machine from one of two sources, as one sum: what changes hands is not counted twice and
// does not go backwards.
class CpuSource {
 public:
  void TakeCounter(const IdleCounter& now, double processors) {
    if (last_ == kCounter) AddIdle(counter_, now, processors, &sums_);
    counter_ = now;
    last_ = kCounter;
  }

  void TakeDirect(const CpuTicks& now) {
    if (last_ == kDirect) sums_.Add(direct_, now);
    direct_ = now;
    last_ = kDirect;
  }

  const CpuSums& sums() const { return sums_; }
  bool by_counter() const { return last_ == kCounter; }

 private:
  enum Last : uint8_t { kNone, kCounter, kDirect };

  Last last_ = kNone;
  IdleCounter counter_;
  CpuTicks direct_;
  CpuSums sums_;
};

// JOBOBJECT_CPU_RATE_CONTROL_INFORMATION: how many processors' worth of time the job may use; 0 for no cap. A weight,
// or a rate that is not hard, only counts against others. `processors` are those of all processor groups.
inline double CapOfJob(uint32_t flags, uint32_t rate, uint32_t max_rate, uint32_t processors) {
  constexpr uint32_t kEnable = 1, kHardCap = 4, kMinMax = 16;
  if ((flags & kEnable) == 0 || (flags & (kHardCap | kMinMax)) == 0) return 0;
  // In 1/10000 of the machine.
  const uint32_t share = (flags & kMinMax) != 0 ? max_rate : rate;
  return share == 0 || share >= 10000 ? 0 : static_cast<double>(share) / 10000 * processors;
}

// Time that a job has used of what its cap allows; `used` in 100 ns, as accounting has it.
class JobTime {
 public:
  // No cap now: what comes later starts there.
  void Forget() { at_ = 0; }

  // False while there is nothing to compare with.
  bool Take(uint64_t now, uint64_t used, double cap) {
    const bool compared = at_ != 0 && now > at_;
    if (compared) {
      used_ += used > last_ ? static_cast<double>(used - last_) / kTicksPerSecond : 0;
      allowed_ += cap * ToSeconds(now - at_);
    }
    at_ = now;
    last_ = used;
    return compared;
  }

  // Seconds.
  double used() const { return used_; }
  double allowed() const { return allowed_; }

 private:
  uint64_t at_ = 0, last_ = 0;
  double used_ = 0, allowed_ = 0;
};

// Memory in bytes; a limit of 0 is none. Commit is what this process may have of it.
struct MemoryFigures {
  uint64_t physical_total = 0, physical_available = 0;
  uint64_t commit_limit = 0, commit_total = 0;
  uint64_t job_limit = 0, job_used = 0;
  uint64_t process_limit = 0, process_used = 0;
};

enum class MemoryBound : uint8_t { kPhysical, kCommit, kJob, kProcess };

struct MemoryVerdict {
  MemoryBound bound = MemoryBound::kPhysical;  // where there is least left
  uint64_t available = 0;
  uint64_t limit = 0;  // the lowest of all
};

// Allocation fails when commit runs out, whatever memory is free; a job or process limit is on commit too.
inline MemoryVerdict JudgeMemory(const MemoryFigures& figures) {
  MemoryVerdict verdict;
  verdict.available = figures.physical_available;
  verdict.limit = figures.physical_total;
  const auto consider = [&verdict](MemoryBound bound, uint64_t limit, uint64_t used) {
    if (limit == 0) return;
    const uint64_t left = limit > used ? limit - used : 0;
    if (limit < verdict.limit) verdict.limit = limit;
    if (left >= verdict.available) return;
    verdict.available = left;
    verdict.bound = bound;
  };
  consider(MemoryBound::kJob, figures.job_limit, figures.job_used);
  consider(MemoryBound::kProcess, figures.process_limit, figures.process_used);
  // Last, because it knows of the process's limit too, but not by that name.
  consider(MemoryBound::kCommit, figures.commit_limit, figures.commit_total);
  if (verdict.available > verdict.limit) verdict.available = verdict.limit;
  return verdict;
}

// SYSTEM_PAGEFILE_INFORMATION: a chain of an offset to the next one, size, use and peak in pages, and a name.
struct PageFiles {
  uint64_t total = 0, used = 0;  // pages
};

inline PageFiles SumOfPageFiles(const char* data, size_t size) {
  PageFiles sum;
  for (size_t at = 0; size - at >= 4 * sizeof(uint32_t);) {
    uint32_t entry[3];
    memcpy(entry, data + at, sizeof(entry));
    sum.total += entry[1];
    sum.used += entry[2];
    if (entry[0] == 0 || entry[0] > size - at) break;
    at += entry[0];
  }
  return sum;
}

// GetDiskFreeSpaceEx: gone of what this user may have. With a quota `total` is the quota already, while the free space
// of the whole volume may be many times that.
inline double DiskShare(uint64_t total, uint64_t available) {
  return total > available ? 100 * static_cast<double>(total - available) / static_cast<double>(total) : 0;
}

// MIB_IF_ROW2. Filters see the same packets again as interfaces of their own.
struct InterfaceKind {
  uint32_t type = 0;
  bool hardware = false, filter = false;

  bool IsLoopback() const { return type == 24; }
  bool IsDevice() const { return hardware && !filter && !IsLoopback(); }
};

// Where there is no device, everything that is not loopback counts.
inline bool IsCounted(const InterfaceKind& kind, bool any_device) {
  return any_device ? kind.IsDevice() : !kind.filter && !kind.IsLoopback();
}

// SYSTEM_POWER_STATUS.
enum class Known : uint8_t { kNo, kAbsent, kYes };

inline Known BatteryPercent(uint8_t flag, uint8_t percent, double* out) {
  constexpr uint8_t kNoBattery = 128, kUnknown = 255;
  if (flag != kUnknown && (flag & kNoBattery) != 0) return Known::kAbsent;
  if (percent > 100) return Known::kNo;
  *out = percent;
  return Known::kYes;
}

// A machine without a battery is on mains.
inline Known PowerIsOnline(uint8_t line, uint8_t flag, double* out) {
  constexpr uint8_t kNoBattery = 128, kUnknown = 255;
  if (line <= 1) {
    *out = line;
    return Known::kYes;
  }
  if (flag == kUnknown || (flag & kNoBattery) == 0) return Known::kNo;
  *out = 1;
  return Known::kYes;
}

// The load average of Unix: tasks that run or could run, smoothed over a minute; fed once a second or so.
class LoadAverage {
 public:
  void Add(double tasks, double elapsed_seconds) {
    if (!started_) value_ = tasks;
    // e^-x for the small x that these are.
    const double x = elapsed_seconds / 60;
    const double kept = 1 / (1 + x + x * x / 2);
    value_ = value_ * kept + tasks * (1 - kept);
    started_ = true;
  }
  bool started() const { return started_; }
  double value() const { return value_; }

 private:
  double value_ = 0;
  bool started_ = false;
};

}  // namespace tripline::windows
