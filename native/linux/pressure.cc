// pressure.*: the share of time in which some task stalled, from the growth of `total`; the kernel's averages move
// only every two seconds.
//
// Reading a PSI file changes it: an interval between two reads in which a CPU was busy for less than a tick is lost for
// every reader on the machine, and triggers starve. So whatever is asked, by however many probes, this process reads
// each of the system's files once a second and no faster.
//   /proc/pressure/{cpu,memory,io}                  the whole machine
//   <own cgroup>/{cpu,memory,io}.pressure           the own group of version 2
#include <cerrno>
#include <cstring>

#include "linux/cgroup.h"
#include "linux/families.h"
#include "linux/file.h"
#include "linux/parse/pressure.h"
#include "port/platform.h"
#include "util/counter.h"

namespace tripline {

namespace {

constexpr uint64_t kPeriod = kSecond;
constexpr uint32_t kResources = 3;
constexpr uint32_t kRemembered = 4 * kResources;
constexpr size_t kLongestPath = 1024;

const char* const kNames[kResources] = {"cpu", "memory", "io"};
constexpr Metric kSome[kResources] = {Metric::kPressureCpu, Metric::kPressureMemory, Metric::kPressureIo};
constexpr Metric kFull[kResources] = {Metric::kPressureCpuFull, Metric::kPressureMemoryFull, Metric::kPressureIoFull};

// What the last read of one file gave. Outlives every probe, because a new one must not read again at once.
// Guarded by the sampler's lock.
struct LastRead {
  char path[kLongestPath];
  uint64_t tried_at;  // by MonotonicNow(); 0: unused
  uint64_t at;        // of `pressure`
  int error;          // of the last try; 0: it worked
  bool bad;           // it worked and could not be understood
  const char* call;
  Pressure pressure;
};

LastRead last_reads[kRemembered];

// The memory of `path`; a file that nobody has read for a while gives up its place. nullptr when all are in use.
LastRead* Remember(const char* path, uint64_t now) {
  LastRead* free = nullptr;
  for (LastRead& last : last_reads) {
    if (last.tried_at != 0 && strcmp(last.path, path) == 0) return &last;
    if (last.tried_at == 0 || now - last.tried_at >= kPeriod) {
      if (free == nullptr || last.tried_at < free->tried_at) free = &last;
    }
  }
  if (free == nullptr) return nullptr;
  *free = LastRead();
  strcpy(free->path, path);
  return free;
}

void ReadThrough(File* file, uint64_t now, LastRead* last) {
  if (last->tried_at != 0 && now - last->tried_at < kPeriod) return;
  last->tried_at = now;
  Buffer* buffer = SharedBuffer();
  Pressure pressure;
  last->error = 0;
  last->bad = false;
  if (!file->Read(now, buffer)) {
    last->error = file->error();
    last->call = file->call();
  } else if (!ParsePressure(buffer->data(), buffer->size, &pressure)) {
    last->bad = true;
  } else {
    last->pressure = pressure;
    last->at = now;
  }
}

const char* HintOf(int error, bool of_group) {
  switch (error) {
    case ENOENT:
      if (of_group) return "the kernel keeps none for groups; 4.20 or later does, some only with psi=1";
      return "kernel without pressure stall information; 4.20 or later has it, some only with psi=1";
    case EOPNOTSUPP:
      if (of_group) return "switched off for this group: cgroup.pressure is 0";
      return "pressure stall information is switched off; boot with psi=1";
    case EACCES:
    case EPERM: return "not allowed in this container or for this user";
    default: return "";
  }
}

class PressureProbe final : public Probe {
 public:
  bool Open(const Selector& selector, Failure* why) {
    of_group_ = strcmp(selector.name, "group") == 0;
    if (of_group_) return FindGroup(MonotonicNow(), why);
    for (uint32_t i = 0; i < kResources; i++) files_[i].SetPath(roots_.proc.get(), "/pressure/", kNames[i]);
    return true;
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    Failure why;
    if (of_group_ && !FindGroup(now, &why)) return SetUnavailable(wanted, why, out);
    for (uint32_t i = 0; i < kResources; i++) {
      if (Wants(wanted, kSome[i]) || Wants(wanted, kFull[i])) ReadOne(now, wanted, i, out);
    }
  }

  const char* Origin(Metric metric) const override {
    for (uint32_t i = 0; i < kResources; i++) {
      if (kSome[i] == metric || kFull[i] == metric) return files_[i].path();
    }
    return "";
  }

  uint32_t MinPeriodMs(Metric metric) const override {
    for (uint32_t i = 0; i < kResources; i++) {
      if (kSome[i] == metric || kFull[i] == metric) return next_ms_[i];
    }
    return InfoOf(metric).min_period_ms;
  }

 private:
  // The own group's files, which are others once this process has been moved. Only version 2 has them; no controller of
  // version 1 has this name.
  bool FindGroup(uint64_t now, Failure* why) {
    if (place_.Update(now, roots_, "pressure", SharedBuffer())) {
      for (uint32_t i = 0; i < kResources; i++) {
        Text path;
        path.Set(place_.path(), "/", kNames[i], ".pressure");
        if (strcmp(path.get(), files_[i].path()) == 0) continue;
        files_[i].SetPath(path.get());
        sums_[i].at = 0;
      }
    }
    if (place_.unknown()) {
      place_.Explain(why);
    } else if (place_.version() == 0) {
      why->Set("no hierarchy of cgroups of version 2, which alone keeps the pressure of a group");
    } else if (place_.size() + sizeof("/memory.pressure") > kLongestPath) {
      why->Set("the path of the own cgroup is too long");
    }
    return !why->failed();
  }

  // Cumulative since the probe was made, and never backwards.
  struct Sum {
    uint64_t at = 0;
    Pressure last;
    uint64_t some = 0;
    uint64_t full = 0;
    uint64_t elapsed = 0;

    void Add(const LastRead& read) {
      if (at != 0 && read.at > at) {
        some += SaturatingDifference(read.pressure.some, last.some);
        full += SaturatingDifference(read.pressure.full, last.full);
        elapsed += read.at - at;
      }
      at = read.at;
      last = read.pressure;
    }
  };

  void ReadOne(uint64_t now, MetricMask wanted, uint32_t resource, Readings* out) {
    File& file = files_[resource];
    LastRead* last = Remember(file.path(), now);
    if (last != nullptr) {
      ReadThrough(&file, now, last);
      // A wake-up that is shared with others may come a tenth too early; then the rest is still to be waited for, and
      // a little more, since that may be shared as well.
      const uint64_t left = last->tried_at + kPeriod - now;
      next_ms_[resource] = static_cast<uint32_t>((left + (left < kPeriod ? left / 8 : 0)) / kMillisecond);
      if (left < kPeriod) next_ms_[resource]++;
    }
    Failure why;
    if (last == nullptr)
      why.Set("too many pressure files are watched at once");
    else if (last->bad)
      why.Set("pressure file without a line \"some ... total=\"");
    else if (last->error != 0)
      why.SetErrno(last->call, file.path(), last->error, HintOf(last->error, of_group_));
    if (why.failed()) {
      return SetUnavailable(wanted & (MaskOf(kSome[resource]) | MaskOf(kFull[resource])), why, out);
    }
    Sum& sum = sums_[resource];
    sum.Add(*last);
    const double elapsed = ToSeconds(sum.elapsed);
    if (Wants(wanted, kSome[resource]) && IsNews(sum.at, &told_[resource][0])) {
      SetPair(kSome[resource], ToDouble(sum.some) / 1e6, elapsed, out);
    }
    if (!Wants(wanted, kFull[resource])) return;
    if (last->pressure.has_full) {
      if (IsNews(sum.at, &told_[resource][1])) SetPair(kFull[resource], ToDouble(sum.full) / 1e6, elapsed, out);
      return;
    }
    why.Set("the kernel has no line \"full\" for this resource; for cpu it came with 5.13");
    SetUnavailable(MaskOf(kFull[resource]), why, out);
  }

  // An old reading under a new time would stretch the window.
  static bool IsNews(uint64_t at, uint64_t* told) {
    const bool news = *told != at;
    *told = at;
    return news;
  }

  const Roots roots_;
  bool of_group_ = false;
  CgroupPlace place_;
  File files_[kResources];
  Sum sums_[kResources];
  uint64_t told_[kResources][2] = {};
  uint32_t next_ms_[kResources] = {1000, 1000, 1000};
};

}  // namespace

Probe* MakePressureProbe(const Selector& selector, Failure* why) { return OpenProbe<PressureProbe>(selector, why); }

}  // namespace tripline
