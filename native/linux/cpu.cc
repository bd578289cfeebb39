// cpu*: /proc/stat for shares of the machine, and the quotas up the cgroup chain with the exact time used under each.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "linux/affinity.h"
#include "linux/cgroup.h"
#include "linux/families.h"
#include "linux/file.h"
#include "linux/parse/cgroup.h"
#include "linux/parse/stat.h"
#include "port/platform.h"
#include "util/counter.h"

namespace tripline {

namespace {

constexpr uint64_t kStatPeriod = 100 * kMillisecond;  // its counters move with the tick
constexpr uint64_t kSetupPeriod = kSecond;            // affinity, CPUs, quotas
// If the kernel counts CPU time, its counters move within a tick.
constexpr uint64_t kStandstill = 5 * kSecond;
constexpr uint64_t kFewTicks = 100 * kMillisecond;
constexpr uint32_t kQuotas = kMaxParts - 1;
constexpr double kTick = 0.01;  // USER_HZ is 100 on every architecture that we build for
constexpr MetricMask kOfQuotas = MaskOf(Metric::kCpu) | MaskOf(Metric::kCpuThrottled);
constexpr MetricMask kOfStat =
    MaskOf(Metric::kCpu) | MaskOf(Metric::kCpuHost) | MaskOf(Metric::kCpuSteal) | MaskOf(Metric::kCpuIowait);

// Ticks that never decrease, although single counters of the kernel do (iowait, steal, guests, hot-plug).
struct Sums {
  uint64_t all = 0, busy = 0, steal = 0, iowait = 0;

  // False where nothing has moved.
  bool Add(const CpuTimes& old, const CpuTimes& now) {
    uint64_t grown[CpuTimes::kFields];
    uint64_t total = 0;
    for (int i = 0; i < CpuTimes::kFields; i++) {
      grown[i] = SaturatingDifference(now.of[i], old.of[i]);
      total += grown[i];
    }
    all += total;
    busy += total - grown[CpuTimes::kIdle] - grown[CpuTimes::kIowait];
    steal += grown[CpuTimes::kSteal];
    iowait += grown[CpuTimes::kIowait];
    return total != 0;
  }
};

// The CPUs that this process may use, unless it may use all of the machine's.
class OwnCpus {
 public:
  OwnCpus() = default;
  ~OwnCpus() { free(last_); }
  OwnCpus(const OwnCpus&) = delete;
  OwnCpus& operator=(const OwnCpus&) = delete;

  // Reads the affinity; `text` is /proc/stat. True if it excludes an online CPU.
  bool Restricted(const char* text, size_t size) {
    if (!affinity_.Read()) return false;
    bool all = true, any = false;
    uint32_t cpu = 0;
    CpuTimes times;
    for (CpuLines lines(text, size); lines.Next(&cpu, &times);) {
      all = all && affinity_.Has(cpu);
      any = any || affinity_.Has(cpu);
    }
    return any && !all;
  }

  void Add(const char* text, size_t size, Sums* sums) {
    uint32_t cpu = 0;
    CpuTimes times;
    round_++;
    for (CpuLines lines(text, size); lines.Next(&cpu, &times);) {
      if (!affinity_.Has(cpu) || !Reserve(cpu)) continue;
      Last& last = last_[cpu];
      // A CPU that was offline has no baseline: its counters may have started again.
      if (last.round == round_ - 1) sums->Add(last.times, times);
      last.times = times;
      last.round = round_;
    }
  }

  void Forget() { round_ += 2; }

 private:
  struct Last {
    CpuTimes times;
    uint64_t round;
  };

  // Allocates only when a CPU with a new highest number appears.
  bool Reserve(uint32_t cpu) {
    if (cpu < count_) return true;
    const uint32_t count = (cpu / 16 + 1) * 16;
    void* grown = realloc(last_, count * sizeof(Last));
    if (grown == nullptr) return false;
    last_ = static_cast<Last*>(grown);
    memset(static_cast<void*>(last_ + count_), 0, (count - count_) * sizeof(Last));
    count_ = count;
    return true;
  }

  Affinity affinity_;
  Last* last_ = nullptr;
  uint32_t count_ = 0;
  uint64_t round_ = 2;
};

// One cgroup of the chain, this process's own first.
struct Group {
  size_t length = 0;  // of its path
  File quota;         // cpu.max in version 2, cpu.cfs_quota_us in version 1
  File period;        // version 1: cpu.cfs_period_us
};

// One group with a quota. The cumulative figures are kept when another group takes its place.
struct Quota {
  Group* group = nullptr;  // nullptr: unused
  double cpus = 0;
  File usage;     // cpu.stat in version 2, cpuacct.usage in version 1
  File throttle;  // version 1: cpu.stat
  bool has_last = false;
  uint64_t last_at = 0;
  double last_cpus = 0;
  uint64_t last_usage = 0;
  uint64_t last_throttled = 0;
  double used = 0, allowed = 0;       // seconds
  double throttled = 0, elapsed = 0;  // seconds

  void Leave() {
    group = nullptr;
    cpus = 0;
    has_last = false;
    usage.Close();
    throttle.Close();
  }
};

class CpuProbe final : public Probe {
 public:
  CpuProbe() { stat_.SetPath(roots_.proc.get(), "/stat"); }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    if (started_at_ == 0) started_at_ = now;
    if ((wanted & kOfQuotas) != 0) {
      FindQuotas(now);
      for (uint32_t i = 0; i + 1 < parts_; i++) {
        if (quotas_[i].group != nullptr) ReadQuota(now, &quotas_[i]);
      }
      if (unknown_.failed()) SetUnavailable(wanted & kOfQuotas, unknown_, out);
    }
    if ((wanted & kOfStat) != 0) ReadStat(now, wanted, out);
    if (unknown_.failed()) return;
    if (Wants(wanted, Metric::kCpu)) SetCpu(out);
    if (Wants(wanted, Metric::kCpuThrottled)) SetThrottled(now, out);
  }

  const char* Origin(Metric metric) const override { return OriginOf(metric, 0); }

  const char* OriginOf(Metric metric, uint32_t part) const override {
    const bool throttled = metric == Metric::kCpuThrottled;
    const Quota* quota = part == 0 || part > kQuotas ? nullptr : &quotas_[part - 1];
    if (quota != nullptr && quota->group != nullptr && (metric == Metric::kCpu || throttled)) {
      return throttled && version_ == 1 ? quota->throttle.path() : quota->usage.path();
    }
    return throttled ? own_throttle_.path() : stat_.path();
  }

 private:
  // ---- /proc/stat

  void ReadStat(uint64_t now, MetricMask wanted, Readings* out) {
    Buffer* buffer = SharedBuffer();
    const File::Result result = stat_.ReadIfOlder(now, kStatPeriod, buffer);
    if (result == File::kFresh) stat_wrong_ = TakeStat(now, buffer);
    if (result == File::kFailed || stat_wrong_ != nullptr) {
      // The usage of a quota is known without /proc/stat.
      wanted &= kOfStat & (HasQuota() ? ~MaskOf(Metric::kCpu) : ~MetricMask{0});
      if (result != File::kFailed) return SetUnavailable(wanted, stat_wrong_, out);
      has_total_ = false;
      return stat_.SetUnavailable(wanted, stat_.HintOfMachine(), out);
    }
    if (Wants(wanted, Metric::kCpuHost)) SetShare(Metric::kCpuHost, host_.busy, out);
    if (Wants(wanted, Metric::kCpuSteal)) SetShare(Metric::kCpuSteal, host_.steal, out);
    if (Wants(wanted, Metric::kCpuIowait)) SetShare(Metric::kCpuIowait, host_.iowait, out);
  }

  void SetShare(Metric metric, uint64_t ticks, Readings* out) const {
    SetPair(metric, kTick * ToDouble(ticks), kTick * ToDouble(host_.all), out);
  }

  // nullptr, or why the counters are implausible.
  const char* TakeStat(uint64_t now, Buffer* buffer) {
    const CpuTimes& before = times_[newest_];
    CpuTimes* times = &times_[newest_ ^ 1];
    if (!ParseCpuTotal(buffer->data(), buffer->size, times)) return "/proc/stat: no line of CPU times";
    newest_ ^= 1;
    const uint64_t all = host_.all, busy = host_.busy;
    const bool moved = has_total_ && host_.Add(before, *times);
    has_total_ = true;
    if (moved) {
      still_at_ = 0;
      still_look_at_ = now + kStandstill;
    } else if (host_.all == 0 && times->IsZero()) {
      return "/proc/stat: every counter is 0, so CPU time is not counted here";
    } else if (now >= still_look_at_ && StandsStill(now)) {
      return "/proc/stat: the counters do not move";
    }

    if (now - setup_at_ >= kSetupPeriod || setup_at_ == 0) {
      setup_at_ = now;
      // The affinity is that of this machine. HOST_PROC may show another machine, or all of this one.
      const bool restricted = !roots_.other_proc && cpus_.Restricted(buffer->data(), buffer->size);
      if (restricted != restricted_) cpus_.Forget();
      restricted_ = restricted;
    }
    if (restricted_) {
      cpus_.Add(buffer->data(), buffer->size, &own_);
    } else {
      own_.all += host_.all - all;
      own_.busy += host_.busy - busy;
    }
    return nullptr;
  }

  // Called when nothing has moved for a while. That may only be two reads that were far apart because this process was
  // stopped, or two within one tick.
  bool StandsStill(uint64_t now) {
    const uint64_t clock = MonotonicNow();
    still_look_at_ = now + kStandstill;
    if (still_at_ == 0) still_at_ = clock;
    return clock - still_at_ >= kFewTicks;
  }

  // ---- quotas

  bool HasQuota() const {
    for (const Quota& quota : quotas_) {
      if (quota.group != nullptr && quota.cpus > 0) return true;
    }
    return false;
  }

  // The chain and its quotas may change at any time, so they are checked every second.
  void FindQuotas(uint64_t now) {
    if (quotas_at_ != 0 && now - quotas_at_ < kSetupPeriod) return;
    quotas_at_ = now;
    Buffer* buffer = SharedBuffer();
    unknown_.Clear();
    const bool moved = group_.Update(now, roots_, "cpu", buffer);
    const bool moved_usage = version_ == 1 && HasQuota() && usage_group_.Update(now, roots_, "cpuacct", buffer);
    if (moved || moved_usage) FindGroups(now, buffer);
    if (group_.unknown()) group_.Explain(&unknown_);

    bool seen[kQuotas] = {};
    for (uint32_t i = 0; i < count_; i++) {
      Group* group = &groups_[i];
      const double cpus = ReadCpus(now, group, buffer);
      if (cpus <= 0) continue;
      Quota* quota = QuotaOf(group);
      if (quota == nullptr) {
        unknown_.Set("more than 7 cgroups up the chain have a CPU quota");
        break;
      }
      if (quota->group == nullptr) Enter(now, quota, group, buffer);
      quota->cpus = cpus;
      seen[quota - quotas_] = true;
    }
    for (uint32_t i = 0; i < kQuotas; i++) {
      if (!seen[i] && quotas_[i].group != nullptr) quotas_[i].Leave();
      if (seen[i] && parts_ < i + 2) parts_ = static_cast<uint8_t>(i + 2);
    }
  }

  // The group's entry, or else an unused one; nullptr if all are in use.
  Quota* QuotaOf(const Group* group) {
    Quota* unused = nullptr;
    for (Quota& quota : quotas_) {
      if (quota.group == group) return &quota;
      if (quota.group == nullptr && unused == nullptr) unused = &quota;
    }
    return unused;
  }

  void FindGroups(uint64_t now, Buffer* buffer) {
    for (Quota& quota : quotas_) quota.Leave();
    groups_.reset();
    count_ = 0;
    version_ = group_.version();
    can_throttle_ = false;
    if (version_ == 0) return;
    own_throttle_.SetPath(group_.path(), "/cpu.stat");
    CgroupCpu cpu;
    can_throttle_ =
        own_throttle_.Read(now, buffer) && ParseCgroupCpu(buffer->data(), buffer->size, &cpu) && cpu.has_throttled;
    own_throttle_.Close();
    groups_.reset(new Group[group_.CountLevels()]);
    size_t length = group_.size();
    do {
      Group& group = groups_[count_++];
      group.length = length;
      group_dir_.SetPart(group_.path(), length);
      group.quota.SetPath(group_dir_.get(), version_ == 2 ? "/cpu.max" : "/cpu.cfs_quota_us");
      if (version_ == 1) group.period.SetPath(group_dir_.get(), "/cpu.cfs_period_us");
    } while (group_.Parent(&length));
  }

  // 0 if there is no quota.
  double ReadCpus(uint64_t now, Group* group, Buffer* buffer) {
    double cpus = 0;
    if (!ReadLimitFile(now, &group->quota, buffer)) return 0;
    uint64_t quota = kNoLimit, period = 0;
    const bool known = version_ == 2 ? ParseCpuMax(buffer->data(), buffer->size, &cpus)
                                     : ParseLimit(buffer->data(), buffer->size, &quota);
    if (!known) group->quota.Explain("", &unknown_);
    if (!known || version_ == 2 || quota == kNoLimit) return cpus;
    if (!ReadLimitFile(now, &group->period, buffer)) return 0;
    if (ParseCount(buffer->data(), buffer->size, &period) && period > 0) return ToDouble(quota) / ToDouble(period);
    group->period.Explain("", &unknown_);
    return 0;
  }

  // A quota that cannot be read must not be treated as no quota.
  bool ReadLimitFile(uint64_t now, File* file, Buffer* buffer) {
    if (file->Read(now, buffer)) return true;
    if (!IsMissing(file->error())) file->Explain("so the CPU quota is unknown", &unknown_);
    return false;
  }

  void Enter(uint64_t now, Quota* quota, Group* group, Buffer* buffer) {
    quota->group = group;
    group_dir_.SetPart(group_.path(), group->length);
    if (version_ == 2) {
      quota->usage.SetPath(group_dir_.get(), "/cpu.stat");
      return;
    }
    quota->usage.SetPath("");
    usage_group_.Update(now, roots_, "cpuacct", buffer);
    quota->throttle.SetPath(group_dir_.get(), "/cpu.stat");
    // Version 1 counts in cpuacct, which may be a separate hierarchy. The two groups are the same only if their paths
    // are equal, compared from the end.
    const size_t tail = group_.size() - group->length;
    if (usage_group_.version() != 1 || tail > CommonTail()) return;
    group_dir_.SetPart(usage_group_.path(), usage_group_.size() - tail);
    quota->usage.SetPath(group_dir_.get(), "/cpuacct.usage");
  }

  // The number of equal bytes at the end of both paths.
  size_t CommonTail() const {
    size_t same = 0;
    while (same < group_.size() && same < usage_group_.size() &&
           group_.path()[group_.size() - 1 - same] == usage_group_.path()[usage_group_.size() - 1 - same]) {
      same++;
    }
    return same;
  }

  void ReadQuota(uint64_t now, Quota* quota) {
    if (quota->has_last && now == quota->last_at) return;
    Buffer* buffer = SharedBuffer();
    // Usage is compared with the quota that applied at the time.
    if (quota->group->quota.read_at() != now) quota->cpus = ReadCpus(now, quota->group, buffer);
    CgroupCpu cpu;
    if (!ReadUsage(now, quota, buffer, &cpu)) {
      quota->has_last = false;
      // The group was removed, or this process has left it: look for this process's group again.
      group_.Forget();
      usage_group_.Forget();
      quotas_at_ = 0;
      if (++failures_ < 2) return;
      if (quota->usage.path()[0] == '\0')
        unknown_.Set("a cgroup has a CPU quota, and no cpuacct hierarchy shows the time used under it");
      else
        quota->usage.Explain("so the time used under a CPU quota is unknown", &unknown_);
      return;
    }
    failures_ = 0;
    if (quota->has_last && now > quota->last_at) {
      const double elapsed = ToSeconds(now - quota->last_at);
      // If the quota has changed since the last read, the time of the change is unknown, so the larger quota counts.
      const double cpus = quota->cpus > quota->last_cpus ? quota->cpus : quota->last_cpus;
      if (quota->cpus > 0) {
        quota->used += ToSeconds(SaturatingDifference(cpu.usage, quota->last_usage));
        quota->allowed += elapsed * cpus;
      }
      // The kernel adds up the time of every CPU on which the group waited.
      const double throttled = ToSeconds(SaturatingDifference(cpu.throttled, quota->last_throttled));
      quota->throttled += throttled < elapsed ? throttled : elapsed;
      quota->elapsed += elapsed;
    }
    quota->has_last = true;
    quota->last_at = now;
    quota->last_cpus = quota->cpus;
    quota->last_usage = cpu.usage;
    quota->last_throttled = cpu.throttled;
  }

  bool ReadUsage(uint64_t now, Quota* quota, Buffer* buffer, CgroupCpu* cpu) {
    if (version_ == 2) {
      return quota->usage.Read(now, buffer) && ParseCgroupCpu(buffer->data(), buffer->size, cpu) && cpu->has_usage;
    }
    return quota->throttle.Read(now, buffer) && ParseCgroupCpu(buffer->data(), buffer->size, cpu) &&
           quota->usage.path()[0] != '\0' && quota->usage.Read(now, buffer) &&
           ParseCount(buffer->data(), buffer->size, &cpu->usage);
  }

  // ---- what comes of them: part 0 is the CPUs, the others are the quotas

  void SetCpu(Readings* out) const {
    Reading& reading = (*out)[Metric::kCpu];
    if (reading.state == Reading::kUnavailable) return;
    reading.state = Reading::kKnown;
    reading.parts = parts_;
    reading.num[0] = kTick * ToDouble(own_.busy);
    reading.den[0] = kTick * ToDouble(own_.all);
    for (uint32_t i = 1; i < parts_; i++) {
      reading.num[i] = quotas_[i - 1].used;
      reading.den[i] = quotas_[i - 1].allowed;
    }
  }

  void SetThrottled(uint64_t now, Readings* out) const {
    if (!can_throttle_ && !HasQuota()) {
      return SetUnavailable(MaskOf(Metric::kCpuThrottled),
                            version_ == 0
                                ? "no cgroup hierarchy with the cpu controller is mounted"
                                : "this process's cgroup does not have the cpu controller, so nothing can throttle it",
                            out);
    }
    Reading& reading = (*out)[Metric::kCpuThrottled];
    reading.state = Reading::kKnown;
    reading.parts = parts_;
    // Without any quota nothing can be throttled, so the value is known to be 0.
    reading.num[0] = 0;
    reading.den[0] = ToSeconds(now - started_at_);
    for (uint32_t i = 1; i < parts_; i++) {
      reading.num[i] = quotas_[i - 1].throttled;
      reading.den[i] = quotas_[i - 1].elapsed;
    }
  }

  bool has_total_ = false;
  bool restricted_ = false;
  bool can_throttle_ = false;
  uint8_t newest_ = 0;
  uint8_t parts_ = 1;  // 1 and the largest number of quotas at one time
  int version_ = 0;
  uint32_t count_ = 0;
  uint32_t failures_ = 0;  // consecutive failures to read the usage of a quota
  std::unique_ptr<Group[]> groups_;
  const char* stat_wrong_ = nullptr;  // why the last reading is implausible
  uint64_t started_at_ = 0;
  uint64_t still_look_at_ = 0;
  uint64_t still_at_ = 0;  // MonotonicNow() when the counters stopped moving; 0 while they move
  uint64_t setup_at_ = 0;
  uint64_t quotas_at_ = 0;
  Sums host_, own_;
  CpuTimes times_[2];  // of all CPUs: the newest, and the previous ones

  const Roots roots_;
  CgroupPlace group_, usage_group_;
  Text group_dir_;
  File stat_;
  File own_throttle_;
  Failure unknown_;  // why the quotas, or the time used under one, are not known
  Quota quotas_[kQuotas];
  OwnCpus cpus_;
};

}  // namespace

Probe* MakeCpuProbe(Failure* why) {
  (void)why;
  return new CpuProbe();
}

}  // namespace tripline
