// From the raw figures of Windows to metrics: pure functions over plain numbers, so that they are tested on every
// system.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "util/counter.h"
#include "util/time.h"

namespace tripline::windows {

constexpr double kTicksPerSecond = 1e7;  // of 100 ns

// ---- processors and processes

// Time of processors in 100 ns, as GetSystemTimes and SYSTEM_PROCESSOR_PERFORMANCE_INFORMATION give it: kernel time
// contains idle time.
struct CpuTicks {
  uint64_t idle = 0, kernel = 0, user = 0;
};

// Seconds that never go backwards, although single counters of the kernel do.
struct CpuSums {
  double busy = 0, all = 0;

  void Add(const CpuTicks& old, const CpuTicks& now) {
    const uint64_t total = SaturatingDifference(now.kernel, old.kernel) + SaturatingDifference(now.user, old.user);
    const uint64_t idle = SaturatingDifference(now.idle, old.idle);
    all += static_cast<double>(total) / kTicksPerSecond;
    busy += static_cast<double>(SaturatingDifference(total, idle)) / kTicksPerSecond;
  }
};

// A performance counter of the kind that counts idle time against the clock, averaged over processors: "% Processor
// Time" of _Total, "% Idle Time" of a disk.
struct IdleCounter {
  uint64_t idle = 0, clock = 0;  // 100 ns
};

// Adds the time that was busy: what idle time leaves of the clock, times `scale`.
inline void AddIdle(const IdleCounter& old, const IdleCounter& now, double scale, CpuSums* sums) {
  const uint64_t clock = SaturatingDifference(now.clock, old.clock);
  if (clock == 0) return;
  const uint64_t idle = SaturatingDifference(now.idle, old.idle);
  sums->all += scale * static_cast<double>(clock) / kTicksPerSecond;
  sums->busy += scale * static_cast<double>(SaturatingDifference(clock, idle)) / kTicksPerSecond;
}

// Processor time of the whole machine from one of two sources, as one sum: a change of source counts no time twice and
// does not make the sum go backwards.
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
// or a rate that is not hard, only counts against other jobs. `processors` are those of all processor groups.
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
  // There is no cap now: a later one counts from there.
  void Forget() { at_ = 0; }

  // False while there is nothing to compare with. A cap may change at any moment since the last call: the higher of the
  // two applies, so that time which the job was allowed to use never counts as too much.
  bool Take(uint64_t now, uint64_t used, double cap) {
    const bool compared = at_ != 0 && now > at_;
    if (compared) {
      used_ += static_cast<double>(SaturatingDifference(used, last_)) / kTicksPerSecond;
      allowed_ += std::max(cap, cap_) * ToSeconds(now - at_);
    }
    at_ = now;
    last_ = used;
    cap_ = cap;
    return compared;
  }

  // Seconds.
  double used() const { return used_; }
  double allowed() const { return allowed_; }

 private:
  uint64_t at_ = 0, last_ = 0;
  double cap_ = 0;
  double used_ = 0, allowed_ = 0;
};

// Whether a process has ended, from GetExitCodeProcess and GetProcessTimes. The code alone does not say: 259
// (STILL_ACTIVE) is also what a process may end with.
inline bool HasExited(uint32_t code, uint64_t exit_time) { return code != 259 || exit_time != 0; }

// The load average of Unix: tasks that run or could run, smoothed over a minute; fed about once per second.
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

// ---- memory

// In bytes; a limit of 0 means no limit. Commit is what this process may have of it.
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
    const uint64_t left = SaturatingDifference(limit, used);
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

// What is gone of `total`, in percent.
inline double ShareGone(uint64_t total, uint64_t available) {
  if (total == 0) return 0;
  return 100 * static_cast<double>(SaturatingDifference(total, available)) / static_cast<double>(total);
}

// SYSTEM_PAGEFILE_INFORMATION: a chain of an offset to the next one, size, use and peak in pages, and a name.
struct PageFiles {
  uint64_t total = 0, used = 0;  // pages

  // Without a page file none of it is used.
  double Share() const {
    return total == 0 ? 0 : 100 * static_cast<double>(std::min(used, total)) / static_cast<double>(total);
  }
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

// ---- interfaces

// Of MIB_IF_ROW2. Filters see the same packets again as interfaces of their own.
struct Interface {
  uint32_t type = 0;
  bool hardware = false, filter = false;
  uint64_t address = 0;  // the permanent one; 0 for none
  uint64_t bytes = 0;    // received and sent so far

  bool IsLoopback() const { return type == 24; }
  bool IsDevice() const { return hardware && !filter && !IsLoopback(); }
};

// Whether the bytes of one interface count. Where there is no device, as in containers, everything that is not loopback
// does. Of devices with one permanent address only the one that has carried most: the virtual function of a network
// card has the address of the synthetic interface above it, through which its bytes are counted again.
inline bool IsCounted(const Interface* all, size_t count, size_t which) {
  const Interface& own = all[which];
  if (own.filter || own.IsLoopback()) return false;
  if (!own.IsDevice()) return std::none_of(all, all + count, [](const Interface& each) { return each.IsDevice(); });
  for (size_t i = 0; i < count && own.address != 0; i++) {
    if (i == which || !all[i].IsDevice() || all[i].address != own.address) continue;
    if (all[i].bytes > own.bytes || (all[i].bytes == own.bytes && i < which)) return false;
  }
  return true;
}

// The bytes of a hardware address as a number; 0 for none.
inline uint64_t ToAddress(const uint8_t* bytes, size_t size) {
  uint64_t address = 0;
  for (size_t i = 0; i < size && i < sizeof(address); i++) address = address << 8 | bytes[i];
  return address;
}

// ---- power: SYSTEM_POWER_STATUS

enum class Known : uint8_t { kNo, kAbsent, kYes };

constexpr uint8_t kCharging = 8, kNoBattery = 128, kUnknownFlag = 255;

// `short_term`: the system's batteries are those of a UPS, which stands for the mains and not for a battery.
inline Known BatteryPercent(uint8_t flag, uint8_t percent, bool short_term, double* out) {
  if (short_term || (flag != kUnknownFlag && (flag & kNoBattery) != 0)) return Known::kAbsent;
  if (percent > 100) return Known::kNo;
  *out = percent;
  return Known::kYes;
}

// A machine without a battery is on mains, and so is one whose battery charges, whatever its adapter reports.
inline Known PowerIsOnline(uint8_t line, uint8_t flag, double* out) {
  const bool knows = flag != kUnknownFlag;
  const bool powered = knows && (flag & (kCharging | kNoBattery)) != 0;
  if (!powered && line > 1) return Known::kNo;
  *out = powered ? 1 : line;
  return Known::kYes;
}

}  // namespace tripline::windows
