// Converts raw figures of Windows to metrics, by pure functions over plain numbers that are tested on every system.
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

// Processor time in units of 100 ns, as GetSystemTimes and SYSTEM_PROCESSOR_PERFORMANCE_INFORMATION report it: kernel
// time includes idle time.
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

// A performance counter that counts idle time against the clock, averaged over processors, such as "% Processor Time"
// of _Total or "% Idle Time" of a disk.
struct IdleCounter {
  uint64_t idle = 0, clock = 0;  // 100 ns
};

// Adds the busy time: the clock's growth minus the idle time, times `scale`.
inline void AddIdle(const IdleCounter& old, const IdleCounter& now, double scale, CpuSums* sums) {
  const uint64_t clock = SaturatingDifference(now.clock, old.clock);
  if (clock == 0) return;
  const uint64_t idle = SaturatingDifference(now.idle, old.idle);
  sums->all += scale * static_cast<double>(clock) / kTicksPerSecond;
  sums->busy += scale * static_cast<double>(SaturatingDifference(clock, idle)) / kTicksPerSecond;
}

// Sums the processor time of the whole machine from one of two sources. A change of source counts no time twice and
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

// How many processors' worth of time the job may use, from JOBOBJECT_CPU_RATE_CONTROL_INFORMATION; 0 means no cap. A
// weight, or a rate that is not hard, only matters relative to other jobs. `processors`: the number in all processor
// groups.
inline double CapOfJob(uint32_t flags, uint32_t rate, uint32_t max_rate, uint32_t processors) {
  constexpr uint32_t kEnable = 1, kHardCap = 4, kMinMax = 16;
  if ((flags & kEnable) == 0 || (flags & (kHardCap | kMinMax)) == 0) return 0;
  // Shares are in 1/10000 of the machine.
  const uint32_t share = (flags & kMinMax) != 0 ? max_rate : rate;
  return share == 0 || share >= 10000 ? 0 : static_cast<double>(share) / 10000 * processors;
}

// The time that a job has used and the time that its cap allowed. `used` is in 100 ns, as the job's accounting reports
// it.
class JobTime {
 public:
  // There is no cap now. A later cap counts from when it is set.
  void Forget() { at_ = 0; }

  // False on the first call, which has nothing to compare with. The cap may have changed at any moment since the last
  // call, so the higher of the two applies: time that the job was allowed to use must not count as excess.
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

// Whether a process has ended, from GetExitCodeProcess and GetProcessTimes. The code alone is ambiguous: a process may
// also exit with 259 (STILL_ACTIVE).
inline bool HasExited(uint32_t code, uint64_t exit_time) { return code != 259 || exit_time != 0; }

// The load average of Unix: running and runnable tasks, smoothed over a minute. Updated about once per second.
class LoadAverage {
 public:
  void Add(double tasks, double elapsed_seconds) {
    if (!started_) value_ = tasks;
    // Approximates e^-x, since x is small.
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

// In bytes; a limit of 0 means no limit. Commit is the share that this process may use.
struct MemoryFigures {
  uint64_t physical_total = 0, physical_available = 0;
  uint64_t commit_limit = 0, commit_total = 0;
  uint64_t job_limit = 0, job_used = 0;
  uint64_t process_limit = 0, process_used = 0;
};

enum class MemoryBound : uint8_t { kPhysical, kCommit, kJob, kProcess };

struct MemoryVerdict {
  MemoryBound bound = MemoryBound::kPhysical;  // the one with the least left
  uint64_t available = 0;
  uint64_t limit = 0;  // the lowest of all limits
};

// Allocation fails when commit runs out, however much memory is free; the limits of jobs and processes are on commit
// too.
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
  // Considered last: this figure includes the process's limit too, which is then reported under its own name.
  consider(MemoryBound::kCommit, figures.commit_limit, figures.commit_total);
  if (verdict.available > verdict.limit) verdict.available = verdict.limit;
  return verdict;
}

// The used share of `total`, in percent.
inline double ShareGone(uint64_t total, uint64_t available) {
  if (total == 0) return 0;
  // In this order, because rounding must not make it more than 100.
  return 100 * (static_cast<double>(SaturatingDifference(total, available)) / static_cast<double>(total));
}

// SYSTEM_PAGEFILE_INFORMATION: a chain of records, each with the offset of the next, the size, use and peak in pages,
// and a name.
struct PageFiles {
  uint64_t total = 0, used = 0;  // pages

  // 0 without a page file.
  double Share() const {
    return total == 0 ? 0 : 100 * (static_cast<double>(std::min(used, total)) / static_cast<double>(total));
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

// The fields of MIB_IF_ROW2 that matter. Filters appear as interfaces of their own and see the same packets again.
struct Interface {
  uint32_t type = 0;
  bool hardware = false, filter = false;
  uint64_t address = 0;  // the permanent address; 0 for none
  uint64_t bytes = 0;    // received and sent so far

  bool IsLoopback() const { return type == 24; }
  bool IsDevice() const { return hardware && !filter && !IsLoopback(); }
};

// Whether the bytes of one interface count. Where there is no device, as in containers, every interface but loopback
// counts. Of devices that share a permanent address, only the one that has carried most bytes counts: the virtual
// function of a network card has the same address as the synthetic interface above it, which counts the same bytes.
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

// `short_term`: the system's batteries belong to a UPS, which counts as mains power and not as a battery.
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
