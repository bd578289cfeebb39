// cpu*: /proc/stat for shares of the machine, and the quotas up the cgroup chain with the exact time used under each.
#include <sched.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "linux/cgroup.h"
#include "linux/families.h"
#include "linux/file.h"
#include "linux/parse/cgroup.h"
#include "linux/parse/stat.h"
#include "port/platform.h"

namespace tripline {

namespace {

constexpr uint64_t kStatPeriod = 100 * kMillisecond;  // its counters move with the tick
constexpr uint64_t kSetupPeriod = kSecond;            // affinity, CPUs, quotas
constexpr uint32_t kQuotas = kMaxParts - 1;
constexpr uint32_t kGroups = 12;       // more than any service manager and orchestrator together nest
constexpr uint32_t kMaskBytes = 1024;  // 8192 CPUs, the most that Linux can be built for
constexpr double kTick = 0.01;         // USER_HZ is 100 on every architecture we build for

// Sums of time that never go backwards, although single counters of the kernel do (iowait, steal, guests, hot-plug).
struct Sums {
  double all = 0, busy = 0, steal = 0, iowait = 0;

  void Add(const CpuTimes& old, const CpuTimes& now) {
    uint64_t grown[CpuTimes::kFields];
    uint64_t total = 0;
    for (int i = 0; i < CpuTimes::kFields; i++) {
      grown[i] = Growth(old.of[i], now.of[i]);
      total += grown[i];
    }
    all += kTick * ToDouble(total);
    busy += kTick * ToDouble(total - grown[CpuTimes::kIdle] - grown[CpuTimes::kIowait]);
    steal += kTick * ToDouble(grown[CpuTimes::kSteal]);
    iowait += kTick * ToDouble(grown[CpuTimes::kIowait]);
  }
};

// The CPUs of this process, when those are not all of the machine's.
class OwnCpus {
 public:
  OwnCpus() = default;
  ~OwnCpus() { free(last_); }
  OwnCpus(const OwnCpus&) = delete;
  OwnCpus& operator=(const OwnCpus&) = delete;

  // Reads the affinity; `text` is /proc/stat. True when it leaves out a CPU that is online.
  bool Restricted(const char* text, size_t size) {
    memset(mask_, 0, sizeof(mask_));
    // The main thread's: the sampling thread is nobody's workload.
    if (sched_getaffinity(getpid(), sizeof(mask_), reinterpret_cast<cpu_set_t*>(mask_)) != 0) return false;
    bool all = true, any = false;
    uint32_t cpu = 0;
    CpuTimes times;
    for (CpuLines lines(text, size); lines.Next(&cpu, &times);) {
      all = all && Has(cpu);
      any = any || Has(cpu);
    }
    return any && !all;
  }

  void Add(const char* text, size_t size, Sums* sums) {
    uint32_t cpu = 0;
    CpuTimes times;
    round_++;
    for (CpuLines lines(text, size); lines.Next(&cpu, &times);) {
      if (!Has(cpu) || !Reserve(cpu)) continue;
      Last& last = last_[cpu];
      // A CPU that was away has no baseline: its counters may have started anew.
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

  bool Has(uint32_t cpu) const { return cpu < kMaskBytes * 8 && (mask_[cpu / 8] >> cpu % 8 & 1) != 0; }

  // Allocates only when a CPU with a higher number than ever appears.
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

  alignas(cpu_set_t) unsigned char mask_[kMaskBytes] = {};
  Last* last_ = nullptr;
  uint32_t count_ = 0;
  uint64_t round_ = 2;
};

// One group with a quota. Cumulative figures stay when it moves to another group.
struct Quota {
  size_t length = 0;  // of the group's path; 0: unused
  double cpus = 0;
  File usage;     // cpu.stat in version 2, cpuacct.usage in version 1
  File throttle;  // version 1: cpu.stat
  bool has_last = false;
  uint64_t last_at = 0;
  uint64_t last_usage = 0;
  uint64_t last_throttled = 0;
  double used = 0, allowed = 0;       // seconds
  double throttled = 0, elapsed = 0;  // seconds
  double recent = 0;                  // share of the quota in the last interval

  void Leave() {
    length = 0;
    cpus = 0;
    recent = 0;
    has_last = false;
    usage.Close();
    throttle.Close();
  }
};

// One cgroup of the chain, the own one first.
struct Group {
  size_t length = 0;
  File quota;  // cpu.max in version 2, cpu.cfs_quota_us in version 1
};

class CpuProbe final : public Probe {
 public:
  CpuProbe() { stat_.SetPath(roots_.proc.get(), "/stat"); }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    constexpr MetricMask kOfStat =
        MaskOf(Metric::kCpu) | MaskOf(Metric::kCpuHost) | MaskOf(Metric::kCpuSteal) | MaskOf(Metric::kCpuIowait);
    if (started_at_ == 0) started_at_ = now;
    if ((wanted & kOfStat) != 0) ReadStat(now, wanted, out);
    if ((wanted & (MaskOf(Metric::kCpu) | MaskOf(Metric::kCpuThrottled))) != 0) {
      FindQuotas(now);
      for (Quota& quota : quotas_) {
        if (quota.length != 0) ReadQuota(now, &quota);
      }
    }
    if (Wants(wanted, Metric::kCpu)) SetCpu(out);
    if (Wants(wanted, Metric::kCpuThrottled)) SetThrottled(now, out);
  }

  const char* Origin(Metric metric) const override {
    if (metric != Metric::kCpu && metric != Metric::kCpuThrottled) return stat_.path();
    const Quota* largest = nullptr;
    for (const Quota& quota : quotas_) {
      if (quota.length != 0 && (largest == nullptr || quota.recent > largest->recent)) largest = &quota;
    }
    if (metric == Metric::kCpuThrottled) {
      if (largest == nullptr) return own_throttle_.path();
      return version_ == 1 ? largest->throttle.path() : largest->usage.path();
    }
    return largest != nullptr && largest->recent > recent_ ? largest->usage.path() : stat_.path();
  }

 private:
  void ReadStat(uint64_t now, MetricMask wanted, Readings* out) {
    Buffer* buffer = SharedBuffer();
    const File::Result result = stat_.ReadIfOlder(now, kStatPeriod, buffer);
    CpuTimes times;
    if (result == File::kFresh && !ParseCpuTotal(buffer->data(), buffer->size, &times))
      stat_bad_ = true;
    else if (result == File::kFresh)
      stat_bad_ = false, TakeStat(now, times, buffer);
    stat_failed_ = result == File::kFailed || stat_bad_;
    if (stat_failed_) {
      Failure why;
      if (stat_bad_)
        why.Set("/proc/stat: no line of CPU times");
      else
        stat_.Explain(stat_.error() == EACCES ? "hidden from this user" : "", &why);
      SetUnavailable(wanted & ~MaskOf(Metric::kCpuThrottled) & (HasQuota() ? ~MaskOf(Metric::kCpu) : ~MetricMask{0}),
                     why, out);
      has_total_ = false;
      return;
    }
    if (Wants(wanted, Metric::kCpuHost)) SetPair(Metric::kCpuHost, host_.busy, host_.all, out);
    if (Wants(wanted, Metric::kCpuSteal)) SetPair(Metric::kCpuSteal, host_.steal, host_.all, out);
    if (Wants(wanted, Metric::kCpuIowait)) SetPair(Metric::kCpuIowait, host_.iowait, host_.all, out);
  }

  void TakeStat(uint64_t now, const CpuTimes& times, Buffer* buffer) {
    const Sums before = own_;
    const Sums host_before = host_;
    if (has_total_) host_.Add(total_, times);
    total_ = times;
    has_total_ = true;

    if (now - setup_at_ >= kSetupPeriod || setup_at_ == 0) {
      setup_at_ = now;
      // The affinity is of this machine; HOST_PROC shows another, or all of this one.
      const bool restricted = !roots_.other_proc && cpus_.Restricted(buffer->data(), buffer->size);
      if (restricted != restricted_) cpus_.Forget();
      restricted_ = restricted;
    }
    if (restricted_) {
      cpus_.Add(buffer->data(), buffer->size, &own_);
    } else {
      own_.all += host_.all - host_before.all;
      own_.busy += host_.busy - host_before.busy;
    }
    const double grown = own_.all - before.all;
    if (grown > 0) recent_ = (own_.busy - before.busy) / grown;
  }

  bool HasQuota() const {
    for (const Quota& quota : quotas_) {
      if (quota.length != 0 && quota.cpus > 0) return true;
    }
    return false;
  }

  // ---- quotas

  // The chain and its quotas may change at any time: another look every second.
  void FindQuotas(uint64_t now) {
    if (quotas_at_ != 0 && now - quotas_at_ < kSetupPeriod) return;
    quotas_at_ = now;
    Buffer* buffer = SharedBuffer();
    const bool moved = group_.Update(now, roots_, "cpu", buffer);
    const bool moved_usage = version_ == 1 && HasQuota() && usage_group_.Update(now, roots_, "cpuacct", buffer);
    if (moved || moved_usage) FindGroups(now, buffer);

    bool seen[kQuotas] = {};
    for (uint32_t i = 0; i < count_; i++) {
      const double cpus = ReadQuotaOf(now, groups_[i], buffer);
      if (cpus <= 0) continue;
      Quota* place = nullptr;
      for (Quota& quota : quotas_) {
        if (quota.length == groups_[i].length) place = &quota;
      }
      for (Quota& quota : quotas_) {
        if (place == nullptr && quota.length == 0) place = &quota;
      }
      if (place == nullptr) break;
      if (place->length == 0) Enter(now, place, groups_[i].length, buffer);
      place->cpus = cpus;
      seen[place - quotas_] = true;
    }
    for (uint32_t i = 0; i < kQuotas; i++) {
      if (!seen[i] && quotas_[i].length != 0) quotas_[i].Leave();
    }
  }

  void FindGroups(uint64_t now, Buffer* buffer) {
    for (Quota& quota : quotas_) quota.Leave();
    for (Group& group : groups_) group.quota.Close();
    count_ = 0;
    version_ = group_.version();
    can_throttle_ = false;
    if (version_ == 0) return;
    own_throttle_.SetPath(group_.path(), "/cpu.stat");
    CgroupCpu cpu;
    can_throttle_ =
        own_throttle_.Read(now, buffer) && ParseCgroupCpu(buffer->data(), buffer->size, &cpu) && cpu.has_throttled;
    own_throttle_.Close();
    size_t length = group_.size();
    do {
      Group& group = groups_[count_++];
      group.length = length;
      group_dir_.SetPart(group_.path(), length);
      group.quota.SetPath(group_dir_.get(), version_ == 2 ? "/cpu.max" : "/cpu.cfs_quota_us");
    } while (count_ < kGroups && group_.Parent(&length));
  }

  double ReadQuotaOf(uint64_t now, Group& group, Buffer* buffer) {
    if (!group.quota.Read(now, buffer)) return 0;
    double cpus = 0;
    if (version_ == 2) return ParseCpuMax(buffer->data(), buffer->size, &cpus) ? cpus : 0;
    uint64_t quota = kNoLimit, period = 0;
    if (!ParseLimit(buffer->data(), buffer->size, &quota) || quota == kNoLimit) return 0;
    group_dir_.SetPart(group_.path(), group.length);
    file_name_.Set(group_dir_.get(), "/cpu.cfs_period_us");
    if (!ReadOnce(file_name_.get(), buffer) || !ParseLimit(buffer->data(), buffer->size, &period)) return 0;
    return period == 0 || period == kNoLimit ? 0 : ToDouble(quota) / ToDouble(period);
  }

  void Enter(uint64_t now, Quota* quota, size_t length, Buffer* buffer) {
    quota->length = length;
    group_dir_.SetPart(group_.path(), length);
    if (version_ == 2) {
      quota->usage.SetPath(group_dir_.get(), "/cpu.stat");
      return;
    }
    quota->usage.SetPath("");
    usage_group_.Update(now, roots_, "cpuacct", buffer);
    quota->throttle.SetPath(group_dir_.get(), "/cpu.stat");
    // Version 1 counts in cpuacct, which may be a hierarchy of its own: only where the group has the same path in it,
    // seen from its end, are the two the same group.
    const size_t tail = group_.size() - length;
    if (usage_group_.version() != 1 || tail > CommonTail()) return;
    group_dir_.SetPart(usage_group_.path(), usage_group_.size() - tail);
    quota->usage.SetPath(group_dir_.get(), "/cpuacct.usage");
  }

  // How many bytes at the end of both paths are the same.
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
    CgroupCpu cpu;
    bool good = false;
    if (version_ == 2) {
      good = quota->usage.Read(now, buffer) && ParseCgroupCpu(buffer->data(), buffer->size, &cpu);
    } else {
      good = quota->throttle.Read(now, buffer) && ParseCgroupCpu(buffer->data(), buffer->size, &cpu);
      const bool counted = quota->usage.path()[0] != '\0' && quota->usage.Read(now, buffer) &&
                           ParseLimit(buffer->data(), buffer->size, &cpu.usage);
      cpu.has_usage = counted;
    }
    if (!good) {
      // Removed or left: look for the own group again.
      group_.Forget();
      usage_group_.Forget();
      quota->has_last = false;
      return;
    }
    if (quota->has_last && now > quota->last_at) {
      const double elapsed = Seconds(now - quota->last_at);
      if (cpu.has_usage) {
        const double used = Seconds(Growth(quota->last_usage, cpu.usage));
        quota->used += used;
        quota->allowed += elapsed * quota->cpus;
        quota->recent = quota->cpus > 0 ? used / (elapsed * quota->cpus) : 0;
      }
      // The kernel adds up the time of every CPU on which the group waited.
      double throttled = Seconds(Growth(quota->last_throttled, cpu.throttled));
      if (throttled > elapsed) throttled = elapsed;
      quota->throttled += throttled;
      quota->elapsed += elapsed;
    }
    quota->has_last = true;
    quota->last_at = now;
    quota->last_usage = cpu.usage;
    quota->last_throttled = cpu.throttled;
  }

  void SetCpu(Readings* out) const {
    Reading& reading = (*out)[Metric::kCpu];
    if (reading.state == Reading::kUnavailable) return;
    reading.state = Reading::kKnown;
    reading.parts = kMaxParts;
    reading.num[0] = own_.busy;
    reading.den[0] = own_.all;
    for (uint32_t i = 0; i < kQuotas; i++) {
      reading.num[i + 1] = quotas_[i].used;
      reading.den[i + 1] = quotas_[i].allowed;
    }
  }

  void SetThrottled(uint64_t now, Readings* out) const {
    if (!can_throttle_ && !HasQuota()) {
      Failure why;
      why.Set(version_ == 0 ? "no cgroup hierarchy with the cpu controller is mounted"
                            : "this process's cgroup does not have the cpu controller, so nothing can throttle it");
      SetUnavailable(MaskOf(Metric::kCpuThrottled), why, out);
      return;
    }
    Reading& reading = (*out)[Metric::kCpuThrottled];
    reading.state = Reading::kKnown;
    reading.parts = kMaxParts;
    for (uint32_t i = 0; i < kQuotas; i++) {
      reading.num[i] = quotas_[i].throttled;
      reading.den[i] = quotas_[i].elapsed;
    }
    // Without any quota nothing is throttled, and that is known.
    reading.num[kQuotas] = 0;
    reading.den[kQuotas] = Seconds(now - started_at_);
  }

  const Roots roots_;
  uint64_t started_at_ = 0;

  File stat_;
  bool stat_bad_ = false, stat_failed_ = false;
  bool has_total_ = false;
  CpuTimes total_;
  Sums host_, own_;
  double recent_ = 0;
  OwnCpus cpus_;
  bool restricted_ = false;
  uint64_t setup_at_ = 0;

  CgroupPlace group_, usage_group_;
  int version_ = 0;
  bool can_throttle_ = false;
  uint64_t quotas_at_ = 0;
  File own_throttle_;
  Quota quotas_[kQuotas];
  Group groups_[kGroups];
  uint32_t count_ = 0;
  Text group_dir_, file_name_;
};

}  // namespace

Probe* MakeCpuProbe(Failure* why) {
  (void)why;
  return new CpuProbe();
}

}  // namespace tripline
