// memory*, swap: /proc/meminfo, and every cgroup up the chain that has a limit.
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <memory>

#include "linux/cgroup.h"
#include "linux/families.h"
#include "linux/file.h"
#include "linux/group_swap.h"
#include "linux/parse/cgroup.h"
#include "linux/parse/counters.h"
#include "linux/parse/meminfo.h"
#include "linux/parse/mountinfo.h"
#include "linux/protected_memory.h"
#include "port/platform.h"
#include "port/rate.h"
#include "util/counter.h"
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
// The figures of memory.stat can themselves be two seconds old, and SD cards pause for as long.
constexpr uint64_t kStuck = 5 * kSecond;

// One cgroup of the chain, starting with this process's own. Reading memory.stat costs ten times as much as reading the
// usage, so it is read only when it could have changed the verdict.
struct Level {
  size_t length = 0;  // of its path
  uint64_t limit = kNoLimit;
  uint64_t current = 0;
  uint64_t used_at_stat = 0;
  CgroupMemory memory;
  File limit_file;
  File usage;
  File stat;
  ProtectedMemory others;  // version 2

  // Whether dirty pages are still being written.
  File attempts_file;  // memory.events, memory.failcnt
  uint64_t progress_at = 0;
  uint64_t reclaimed = 0;
  uint64_t attempts = 0;  // to reclaim, at the time when progress had stopped for a while
  bool attempts_known = false;
  bool stuck = false;

  uint64_t Available(uint64_t held) const {
    const uint64_t waiting = stuck ? memory.waiting : 0;
    const uint64_t reclaimable = SaturatingDifference(memory.reclaimable, SaturatingSum(waiting, held));
    return SaturatingDifference(limit, SaturatingDifference(current, reclaimable));
  }
};

constexpr MetricMask kOfGroups = MaskOf(Metric::kMemory) | MaskOf(Metric::kMemoryAvailable);

class MemoryProbe final : public Probe {
 public:
  MemoryProbe() {
    meminfo_.SetPath(roots_.proc.get(), "/meminfo");
    vmstat_.SetPath(roots_.proc.get(), "/vmstat");
    arc_.SetPath(roots_.proc.get(), "/spl/kstat/zfs/arcstats");
    LookForLxcfs();
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    // Swap is far down in the file, so it is only parsed once it was requested.
    with_swap_ = with_swap_ || Wants(wanted, Metric::kSwap);
    if ((wanted & ~MaskOf(Metric::kSwapRate)) != 0) ReadMeminfo(now);
    if (host_known_) {
      if (Wants(wanted, Metric::kMemoryHost)) {
        out->SetLevel(Metric::kMemoryHost, 100 * (1 - ToDouble(host_.available) / Total()));
      }
      if (Wants(wanted, Metric::kSwap)) ReadSwap(now, out);
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
    if (metric == Metric::kSwap && of_group_swap_) return group_swap_.origin();
    return of_groups && tightest_ != nullptr ? tightest_->usage.path() : meminfo_.path();
  }

  double MaxSlope(Metric metric) const override {
    switch (metric) {
      case Metric::kMemory: return limit_ > 0 ? 100 * slope_.Credible() / limit_ : 0;
      case Metric::kMemoryAvailable: return slope_.Credible();
      case Metric::kMemoryHost: return host_known_ ? 100 * host_slope_.Credible() / Total() : 0;
      // Swap devices are slower than memory; zram only slightly so.
      case Metric::kSwap: return swap_limit_ > 0 ? 100 * Slope::kFloor / swap_limit_ : 0;
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

  // Inside lxcfs, meminfo describes the container and does not include the host's ZFS cache.
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
      meminfo_.Explain(meminfo_.HintOfMachine(), &failure_);
      host_known_ = false;
      return;
    }
    host_known_ = ParseMeminfo(buffer->data(), buffer->size, with_swap_, &host_);
    if (!host_known_) return failure_.Set("/proc/meminfo: no MemTotal, or more is free than that");
    has_swap_ = with_swap_;
    if (in_lxcfs_ || arc_absent_) return;
    const File::Result arc = arc_.ReadIfOlder(now, kArcPeriod, buffer);
    if (arc == File::kFailed) {
      arc_absent_ = arc_.read_at() == 0;
      return;
    }
    if (arc == File::kFresh && !ParseArcstats(buffer->data(), buffer->size, &arc_bytes_)) {
      host_known_ = false;
      return arc_.Explain("so what ZFS gives back is unknown", &failure_);
    }
    host_.available = arc_bytes_ > host_.total - host_.available ? host_.total : host_.available + arc_bytes_;
  }

  void ReadSwap(uint64_t now, Readings* out) {
    Failure why;
    if (!group_swap_.Read(now, roots_, &why)) return SetUnavailable(MaskOf(Metric::kSwap), why, out);
    // Without swap, none is in use.
    const double total = ToDouble(host_.swap_total), least = ToDouble(group_swap_.least());
    double share = total > 0 ? 100 * (1 - ToDouble(host_.swap_free) / total) : 0;
    of_group_swap_ = group_swap_.share() > share;
    if (of_group_swap_) share = group_swap_.share();
    swap_limit_ = least > 0 && least < total ? least : total;
    out->SetLevel(Metric::kSwap, share);
  }

  // Pages swapped in and out. zram counts too: its pages cost CPU instead of I/O.
  void ReadSwapRate(uint64_t now, Readings* out) {
    Buffer* buffer = SharedBuffer();
    const File::Result result = vmstat_.ReadIfOlder(now, kVmstatPeriod, buffer);
    uint64_t pages = 0;
    if (result == File::kFailed ||
        (result == File::kFresh && !ParseSwapCounters(buffer->data(), buffer->size, &pages))) {
      swapped_.Forget();
      if (result == File::kFailed) return vmstat_.SetUnavailable(MaskOf(Metric::kSwapRate), "", out);
      return SetUnavailable(MaskOf(Metric::kSwapRate), "/proc/vmstat: no counters of swapping (kernel without swap)",
                            out);
    }
    if (result == File::kFresh) swapped_.Add(now, pages);
    swapped_.Set(Metric::kSwapRate, page_, out);
  }

  // ---- cgroups

  void ReadGroups(uint64_t now, MetricMask wanted, Readings* out) {
    wanted &= kOfGroups;
    FindLimits(now);
    if (unknown_.failed()) {
      // A limit that cannot be looked up must not be treated as no limit: the host's figure would hide it.
      limits_at_ = now - kLimitsPeriod + kStatPeriod;
      return SetUnavailable(wanted, unknown_, out);
    }
    Buffer* buffer = SharedBuffer();
    uint64_t available = host_known_ ? SaturatingDifference(host_.available, others_.Read(now, buffer)) : kNoLimit;
    uint64_t limit = host_known_ ? host_.total : kNoLimit;
    // If meminfo describes a group and is wrong, the files of that group decide.
    if (host_known_ && host_.doubtful && IsLimit(host_.total)) available = kNoLimit;
    tightest_ = nullptr;
    for (uint32_t i = 0; i < count_; i++) {
      Level& level = levels_[i];
      if (level.limit == kNoLimit) continue;
      // With a limit of 0 nothing is left, whatever the usage. The kernel refuses to open the usage files of such a
      // group.
      if (level.limit > 0 && !ReadLevel(now, &level)) return Lose(now, wanted, level.usage, out);
      if (level.limit < limit) limit = level.limit;
      const uint64_t left = level.Available(level.others.Read(now, buffer));
      if (left > available) continue;
      available = left;
      tightest_ = &level;
    }
    lost_ = false;
    if (limit == kNoLimit) return SetUnavailable(wanted, failure_, out);
    if (available > limit) available = limit;
    limit_ = ToDouble(limit);
    slope_.Add(now, ToDouble(available));
    if (Wants(wanted, Metric::kMemoryAvailable)) {
      out->SetLevel(Metric::kMemoryAvailable, ToDouble(available));
    }
    if (Wants(wanted, Metric::kMemory)) {
      // A limit of 0 is reached.
      out->SetLevel(Metric::kMemory, limit == 0 ? 100 : 100 * (1 - ToDouble(available) / limit_));
    }
  }

  bool IsLimit(uint64_t bytes) const {
    for (uint32_t i = 0; i < count_; i++) {
      if (levels_[i].limit == bytes) return true;
    }
    return false;
  }

  // The group was removed, or this process was moved away; the next read finds its new group. Until then no value is
  // reported; if the next read fails too, the headroom is unavailable.
  void Lose(uint64_t now, MetricMask wanted, const File& usage, Readings* out) {
    group_.Forget();
    limits_at_ = lost_ ? now - kLimitsPeriod + kStatPeriod : 0;
    if (lost_) usage.SetUnavailable(wanted, "so what is left of a limit is unknown", out);
    lost_ = true;
  }

  // Limits change at run time, and processes are moved, so check again every second.
  void FindLimits(uint64_t now) {
    if (limits_at_ != 0 && now - limits_at_ < kLimitsPeriod) return;
    limits_at_ = now;
    Buffer* buffer = SharedBuffer();
    unknown_.Clear();
    if (group_.Update(now, roots_, "memory", buffer)) FindLevels(buffer);
    if (group_.unknown()) group_.Explain(&unknown_);
    for (uint32_t i = 0; i < count_; i++) {
      Level* level = &levels_[i];
      const uint64_t limit = ReadLimit(now, level, i == 0, buffer);
      if (limit == kNoLimit) level->others.Forget();
      if (limit != kNoLimit && level->limit == kNoLimit && group_.version() == 2) {
        level->others.Watch(group_.path(), level->length, group_.protects_descendants());
      }
      level->limit = limit;
    }
  }

  uint64_t ReadLimit(uint64_t now, Level* level, bool own, Buffer* buffer) {
    uint64_t limit = kNoLimit;
    if (!level->limit_file.Read(now, buffer)) {
      if (!IsMissing(level->limit_file.error())) level->limit_file.Explain("so the limit is unknown", &unknown_);
    } else if (!ParseLimit(buffer->data(), buffer->size, &limit)) {
      level->limit_file.Explain("", &unknown_);
    }
    // In version 1, memory.stat of the process's group also shows limits of ancestors that the container cannot see.
    CgroupMemory memory;
    if (own && group_.version() == 1 && own_stat_.Read(now, buffer) &&
        ParseCgroupMemory(buffer->data(), buffer->size, 1, &memory) && memory.limit < limit) {
      limit = memory.limit;
    }
    // A limit above the machine's memory does not count. Inside lxcfs the machine's memory is the group's limit, so the
    // two are equal.
    return limit >= kUnlimited || (host_known_ && limit > host_.total) ? kNoLimit : limit;
  }

  void FindLevels(Buffer* buffer) {
    tightest_ = nullptr;
    levels_.reset();
    count_ = 0;
    others_.Forget();
    if (group_.version() == 0) return;
    const bool first = group_.version() == 1;
    own_stat_.SetPath(group_.path(), "/memory.stat");
    levels_.reset(new Level[group_.CountLevels()]);
    size_t length = group_.size();
    do {
      Level& level = levels_[count_++];
      level.length = length;
      group_dir_.SetPart(group_.path(), length);
      level.limit_file.SetPath(group_dir_.get(), first ? "/memory.limit_in_bytes" : "/memory.max");
      level.usage.SetPath(group_dir_.get(), first ? "/memory.usage_in_bytes" : "/memory.current");
      level.stat.SetPath(group_dir_.get(), "/memory.stat");
      level.attempts_file.SetPath(group_dir_.get(), first ? "/memory.failcnt" : "/memory.events");
    } while (group_.Parent(&length) && (!first || ParentCounts(length, buffer)));
    // The root of version 2 has no limit; the groups below it share the machine.
    file_name_.Set(group_dir_.get(), "/memory.max");
    if (!first && access(file_name_.get(), F_OK) != 0) {
      others_.Watch(group_.path(), group_dir_.size(), group_.protects_descendants());
    }
  }

  bool ParentCounts(size_t length, Buffer* buffer) {
    group_dir_.SetPart(group_.path(), length);
    return CountsChildren(group_dir_.get(), buffer);
  }

  bool ReadLevel(uint64_t now, Level* level) {
    Buffer* buffer = SharedBuffer();
    const File::Result result = level->usage.ReadIfOlder(now, kUsagePeriod, buffer);
    if (result == File::kKept) return true;
    const uint64_t before = level->current;
    if (result == File::kFailed || !ParseCount(buffer->data(), buffer->size, &level->current)) return false;
    const uint64_t moved = SaturatingDifference(level->used_at_stat, level->current) +
                           SaturatingDifference(level->current, level->used_at_stat);
    // Close to its limit, a group exchanges cache for used memory while its usage stays the same.
    const bool near = SaturatingDifference(level->limit, level->current) < level->limit / 16;
    uint64_t period = kStatPeriod;
    if (moved > level->limit / 256)
      period = 0;
    else if (near)
      period = kNearStatPeriod;
    const File::Result stat = level->stat.ReadIfOlder(now, period, buffer);
    if (stat == File::kKept) return true;
    const CgroupMemory old = level->memory;
    level->used_at_stat = level->current;
    if (stat == File::kFailed || !ParseCgroupMemory(buffer->data(), buffer->size, group_.version(), &level->memory)) {
      level->memory = CgroupMemory();
    }
    if (near && level->memory.waiting > 0) {
      FollowWriting(now, old, level->current < before, level, buffer);
    } else {
      level->stuck = false;
      level->progress_at = now;
    }
    return true;
  }

  // Pages that wait to be written can be reclaimed after the write, and a group that writes a file has many of them.
  // They count as used only if nothing is being written any more, for example because the device hangs. In that case
  // either pages have been under writeback all the time, or the group tries to reclaim without success. REQUIRES:
  // `buffer` holds memory.stat.
  void FollowWriting(uint64_t now, const CgroupMemory& old, bool shrunk, Level* level, Buffer* buffer) {
    uint64_t reclaimed = level->reclaimed;
    ParseReclaimed(buffer->data(), buffer->size, group_.version(), &reclaimed);
    if (shrunk || level->memory.waiting < old.waiting || reclaimed != level->reclaimed || level->progress_at == 0) {
      level->reclaimed = reclaimed;
      level->progress_at = now;
      level->attempts_known = false;
      level->stuck = false;
      return;
    }
    const uint64_t waited = now - level->progress_at;
    if (level->stuck || waited < kStuck / 4) return;
    const bool writing = level->memory.writeback > level->limit / 64;
    if (writing && waited < kStuck) return;
    uint64_t attempts = 0;
    if (!level->attempts_file.Read(now, buffer) ||
        !(group_.version() == 1 ? ParseCount(buffer->data(), buffer->size, &attempts)
                                : ParseEventsMax(buffer->data(), buffer->size, &attempts))) {
      attempts = level->attempts;
    }
    if (!level->attempts_known) level->attempts = attempts;
    level->attempts_known = true;
    level->stuck = waited >= kStuck && (writing || attempts != level->attempts);
  }

  bool host_known_ = false;
  bool with_swap_ = false, has_swap_ = false;
  bool in_lxcfs_ = false, arc_absent_ = false;
  bool lost_ = false;  // the last read of a level's usage failed
  bool of_group_swap_ = false;
  uint32_t count_ = 0;
  uint64_t arc_bytes_ = 0;
  uint64_t limits_at_ = 0;
  const Level* tightest_ = nullptr;
  double limit_ = 0;
  double swap_limit_ = 0;  // the smallest of the machine's and the groups'
  const double page_ = static_cast<double>(sysconf(_SC_PAGESIZE));
  std::unique_ptr<Level[]> levels_;
  Meminfo host_;

  const Roots roots_;
  CgroupPlace group_;
  ProtectedMemory others_;  // of the machine
  Slope host_slope_, slope_;
  Rate swapped_;
  GroupSwap group_swap_;
  Text group_dir_, file_name_;
  File meminfo_;
  File arc_;
  File vmstat_;
  File own_stat_;  // version 1: for the limits of ancestors
  Failure failure_;
  Failure unknown_;  // why limits are not known
};

}  // namespace

Probe* MakeMemoryProbe(Failure* why) {
  (void)why;
  return new MemoryProbe();
}

}  // namespace tripline
