// memory*, swap: /proc/meminfo, and every cgroup up the chain that has a limit.
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include "linux/cgroup.h"
#include "linux/families.h"
#include "linux/file.h"
#include "linux/parse/cgroup.h"
#include "linux/parse/counters.h"
#include "linux/parse/meminfo.h"
#include "linux/parse/mountinfo.h"
#include "port/platform.h"
#include "port/rate.h"
#include "util/slope.h"

namespace tripline {

namespace {

constexpr uint64_t kMeminfoPeriod = 10 * kMillisecond;
constexpr uint64_t kVmstatPeriod = 250 * kMillisecond;  // 4 KB of text
constexpr uint64_t kArcPeriod = 250 * kMillisecond;
constexpr uint64_t kUsagePeriod = kMillisecond;
constexpr uint64_t kStatPeriod = 100 * kMillisecond;
constexpr uint64_t kNearStatPeriod = 10 * kMillisecond;
constexpr uint64_t kLimitsPeriod = kSecond;
constexpr uint32_t kLevels = 12;  // more than any service manager and orchestrator together nest

// One cgroup of the chain, the own one first. Its memory.stat costs ten times what its usage does, so it is read only
// when it can have changed the verdict.
struct Level {
  uint64_t limit = kNoLimit;
  uint64_t used_at_stat = 0;
  uint64_t current = 0;
  uint64_t reclaimable = 0;
  bool known = false;
  File limit_file;
  File usage;
  File stat;

  void Leave() {
    limit = kNoLimit;
    known = false;
    limit_file.Close();
    usage.Close();
    stat.Close();
  }

  uint64_t Available() const { return Growth(Growth(reclaimable, current), limit); }
};

class MemoryProbe final : public Probe {
 public:
  MemoryProbe() {
    meminfo_.SetPath(roots_.proc.get(), "/meminfo");
    vmstat_.SetPath(roots_.proc.get(), "/vmstat");
    arc_.SetPath(roots_.proc.get(), "/spl/kstat/zfs/arcstats");
    LookForLxcfs();
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    constexpr MetricMask kOfGroups = MaskOf(Metric::kMemory) | MaskOf(Metric::kMemoryAvailable);
    // Swap is below the first page of fields: not parsed before somebody asks.
    with_swap_ = with_swap_ || Wants(wanted, Metric::kSwap);
    if ((wanted & ~MaskOf(Metric::kSwapRate)) != 0) ReadMeminfo(now);
    if (host_known_) {
      if (Wants(wanted, Metric::kMemoryHost)) {
        out->SetLevel(Metric::kMemoryHost, 100 * (1 - ToDouble(host_.available) / Total()));
      }
      if (Wants(wanted, Metric::kSwap)) {
        // Without swap none of it is used.
        const double total = ToDouble(host_.swap_total);
        out->SetLevel(Metric::kSwap, total > 0 ? 100 * (1 - ToDouble(host_.swap_free) / total) : 0);
      }
      host_slope_.Add(now, ToDouble(host_.available));
    } else {
      SetUnavailable(wanted & (MaskOf(Metric::kMemoryHost) | MaskOf(Metric::kSwap)), failure_, out);
    }
    if ((wanted & kOfGroups) != 0) ReadGroups(now, wanted, out);
    if (Wants(wanted, Metric::kSwapRate)) ReadSwapRate(now, out);
  }

  const char* Origin(Metric metric) const override {
    const bool of_groups = metric == Metric::kMemory || metric == Metric::kMemoryAvailable;
    if (metric == Metric::kSwapRate) return vmstat_.path();
    return of_groups && tightest_ != nullptr ? tightest_->usage.path() : meminfo_.path();
  }

  double MaxSlope(Metric metric) const override {
    switch (metric) {
      case Metric::kMemory: return limit_ > 0 ? 100 * slope_.Credible() / limit_ : 0;
      case Metric::kMemoryAvailable: return slope_.Credible();
      case Metric::kMemoryHost: return host_known_ ? 100 * host_slope_.Credible() / Total() : 0;
      // Swap devices are slower than memory; zram is not by much.
      case Metric::kSwap: return host_.swap_total > 0 ? 100 * Slope::kFloor / ToDouble(host_.swap_total) : 0;
      default: return 0;
    }
  }

  uint32_t MinPeriodMs(Metric metric) const override {
    // The host's figure moves in batches; only a cgroup's own usage is worth a look every millisecond.
    if (metric != Metric::kMemory && metric != Metric::kMemoryAvailable) return InfoOf(metric).min_period_ms;
    return tightest_ != nullptr ? 1 : 10;
  }

 private:
  double Total() const { return ToDouble(host_.total); }

  // Inside lxcfs meminfo is the container's, and the host's ZFS cache is not in it.
  void LookForLxcfs() {
    File mounts;
    mounts.SetPath(roots_.proc.get(), "/self/mountinfo");
    Buffer list;
    if (!mounts.ReadPieces(1, &list)) return;
    Mount mount;
    for (Scanner scan(list.data(), list.size); NextMount(&scan, &mount);) {
      if (mount.type.StartsWith("fuse.lxcfs")) in_lxcfs_ = true;
    }
  }

  void ReadMeminfo(uint64_t now) {
    Buffer* buffer = SharedBuffer();
    const bool reparse = with_swap_ && !has_swap_;
    const File::Result result =
        reparse && meminfo_.Read(now, buffer) ? File::kFresh : meminfo_.ReadIfOlder(now, kMeminfoPeriod, buffer);
    if (result == File::kKept) return;
    if (result == File::kFailed) {
      meminfo_.Explain(meminfo_.error() == EACCES ? "hidden from this user" : "", &failure_);
      host_known_ = false;
      return;
    }
    host_known_ = ParseMeminfo(buffer->data(), buffer->size, with_swap_, &host_);
    if (!host_known_) return failure_.Set("/proc/meminfo: no MemTotal");
    has_swap_ = with_swap_;
    if (in_lxcfs_ || arc_absent_) return;
    const File::Result arc = arc_.ReadIfOlder(now, kArcPeriod, buffer);
    if (arc == File::kFailed) {
      arc_absent_ = arc_.read_at() == 0;
      return;
    }
    if (arc == File::kFresh && !ParseArcstats(buffer->data(), buffer->size, &arc_bytes_)) arc_bytes_ = 0;
    host_.available = arc_bytes_ > host_.total - host_.available ? host_.total : host_.available + arc_bytes_;
  }

  // Pages that come and go. zram counts too: its pages cost CPU instead of I/O.
  void ReadSwapRate(uint64_t now, Readings* out) {
    Buffer* buffer = SharedBuffer();
    const File::Result result = vmstat_.ReadIfOlder(now, kVmstatPeriod, buffer);
    uint64_t pages = 0;
    if (result == File::kFailed ||
        (result == File::kFresh && !ParseSwapCounters(buffer->data(), buffer->size, &pages))) {
      Failure why;
      if (result == File::kFailed)
        vmstat_.Explain("", &why);
      else
        why.Set("/proc/vmstat: no counters of swapping (kernel without swap)");
      swapped_.Forget();
      return SetUnavailable(MaskOf(Metric::kSwapRate), why, out);
    }
    if (result == File::kFresh) swapped_.Add(now, pages);
    swapped_.Set(Metric::kSwapRate, page_, out);
  }

  // ---- cgroups

  void ReadGroups(uint64_t now, MetricMask wanted, Readings* out) {
    FindLimits(now);
    if (wanting_.failed()) {
      // A limit that cannot be looked up is not the same as none: the host's figure would hide it.
      limits_at_ = now - kLimitsPeriod + kStatPeriod;
      return SetUnavailable(wanted & (MaskOf(Metric::kMemory) | MaskOf(Metric::kMemoryAvailable)), wanting_, out);
    }
    uint64_t available = host_known_ ? host_.available : kNoLimit;
    uint64_t limit = host_known_ ? host_.total : kNoLimit;
    tightest_ = nullptr;
    for (uint32_t i = 0; i < count_; i++) {
      Level& level = levels_[i];
      if (level.limit == kNoLimit) continue;
      ReadLevel(now, &level);
      if (!level.known) continue;
      if (level.limit < limit) limit = level.limit;
      const uint64_t left = level.Available();
      if (left > available) continue;
      available = left;
      tightest_ = &level;
    }
    if (limit == kNoLimit || limit == 0) {
      return SetUnavailable(wanted & (MaskOf(Metric::kMemory) | MaskOf(Metric::kMemoryAvailable)), failure_, out);
    }
    if (available > limit) available = limit;
    limit_ = ToDouble(limit);
    slope_.Add(now, ToDouble(available));
    if (Wants(wanted, Metric::kMemoryAvailable)) {
      out->SetLevel(Metric::kMemoryAvailable, ToDouble(available));
    }
    if (Wants(wanted, Metric::kMemory)) {
      out->SetLevel(Metric::kMemory, 100 * (1 - ToDouble(available) / limit_));
    }
  }

  // Limits change while we run, and processes are moved: another look every second.
  void FindLimits(uint64_t now) {
    if (limits_at_ != 0 && now - limits_at_ < kLimitsPeriod) return;
    limits_at_ = now;
    Buffer* buffer = SharedBuffer();
    wanting_ = Failure();
    if (group_.Update(now, roots_, "memory", buffer)) FindLevels(buffer);
    if (group_.wanting()) group_.Explain(&wanting_);
    for (uint32_t i = 0; i < count_; i++) {
      Level& level = levels_[i];
      uint64_t limit = kNoLimit;
      const bool read = level.limit_file.Read(now, buffer);
      if (!read && IsResourceShortage(level.limit_file.error())) level.limit_file.Explain("", &wanting_);
      if (!read || !ParseLimit(buffer->data(), buffer->size, &limit)) limit = kNoLimit;
      // Version 1 also tells the own group of limits on ancestors that a container does not see.
      CgroupMemory memory;
      if (i == 0 && group_.version() == 1 && level.stat.Read(now, buffer) &&
          ParseCgroupMemory(buffer->data(), buffer->size, 1, &memory) && memory.limit < limit) {
        limit = memory.limit;
      }
      // Version 1 says "none" with the largest multiple of the page size.
      if (limit >= uint64_t{1} << 60 || (host_known_ && limit >= host_.total)) {
        limit = kNoLimit;
        level.known = false;
      }
      level.limit = limit;
    }
  }

  void FindLevels(Buffer* buffer) {
    for (Level& level : levels_) level.Leave();
    count_ = 0;
    if (group_.version() == 0) return;
    const bool first = group_.version() == 1;
    size_t length = group_.size();
    do {
      Level& level = levels_[count_++];
      group_dir_.SetPart(group_.path(), length);
      level.limit_file.SetPath(group_dir_.get(), first ? "/memory.limit_in_bytes" : "/memory.max");
      level.usage.SetPath(group_dir_.get(), first ? "/memory.usage_in_bytes" : "/memory.current");
      level.stat.SetPath(group_dir_.get(), "/memory.stat");
    } while (count_ < kLevels && group_.Parent(&length) && (!first || CountsChildren(length, buffer)));
  }

  // In version 1 without use_hierarchy a parent neither counts nor limits its children.
  bool CountsChildren(size_t length, Buffer* buffer) {
    group_dir_.SetPart(group_.path(), length);
    file_name_.Set(group_dir_.get(), "/memory.use_hierarchy");
    return !ReadOnce(file_name_.get(), buffer) || buffer->size == 0 || buffer->data()[0] != '0';
  }

  void ReadLevel(uint64_t now, Level* level) {
    Buffer* buffer = SharedBuffer();
    const File::Result result = level->usage.ReadIfOlder(now, kUsagePeriod, buffer);
    if (result == File::kKept) return;
    if (result == File::kFailed || !ParseLimit(buffer->data(), buffer->size, &level->current)) {
      // Removed, or we were moved away: find out where we are now.
      level->known = false;
      group_.Forget();
      limits_at_ = now - kLimitsPeriod + kStatPeriod;
      return;
    }
    level->known = true;
    const uint64_t moved = Growth(level->current, level->used_at_stat) + Growth(level->used_at_stat, level->current);
    // Close to its limit a group trades cache for memory in use without any change of the sum.
    const bool near = Growth(level->current, level->limit) < level->limit / 16;
    uint64_t period = kStatPeriod;
    if (moved > level->limit / 256)
      period = 0;
    else if (near)
      period = kNearStatPeriod;
    const File::Result stat = level->stat.ReadIfOlder(now, period, buffer);
    if (stat == File::kKept) return;
    CgroupMemory memory;
    const bool good =
        stat == File::kFresh && ParseCgroupMemory(buffer->data(), buffer->size, group_.version(), &memory);
    level->reclaimable = good ? memory.reclaimable : 0;
    level->used_at_stat = level->current;
  }

  const Roots roots_;
  File meminfo_;
  File arc_;
  Meminfo host_;
  bool host_known_ = false;
  bool with_swap_ = false, has_swap_ = false;
  bool in_lxcfs_ = false, arc_absent_ = false;
  uint64_t arc_bytes_ = 0;
  Failure failure_;
  Failure wanting_;  // limits that could not be looked up for want of descriptors or memory
  Slope host_slope_;
  File vmstat_;
  Rate swapped_;
  const double page_ = static_cast<double>(sysconf(_SC_PAGESIZE));

  CgroupPlace group_;
  uint64_t limits_at_ = 0;
  Level levels_[kLevels];
  uint32_t count_ = 0;
  const Level* tightest_ = nullptr;
  double limit_ = 0;
  Slope slope_;
  Text group_dir_, file_name_;
};

}  // namespace

Probe* MakeMemoryProbe(Failure* why) {
  (void)why;
  return new MemoryProbe();
}

}  // namespace tripline
