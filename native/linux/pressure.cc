// pressure.*: the share of time in which some task stalled, from the growth of `total`. The kernel's averages change
// only every two seconds.
//
// Reading a PSI file too often spoils it for every reader on the machine: times of less than a tick between two reads
// are lost, and triggers fire late. So this process reads each file at most once per second, however many probes use
// it.
//   /proc/pressure/{cpu,memory,io}                  the whole machine
//   <own cgroup>/{cpu,memory,io}.pressure           this process's group of version 2
#include <cerrno>
#include <cstring>
#include <memory>

#include "linux/cgroup.h"
#include "linux/families.h"
#include "linux/file.h"
#include "linux/parse/pressure.h"
#include "port/platform.h"
#include "util/counter.h"
#include "util/list.h"
#include "util/text.h"

namespace tripline {

namespace {

constexpr uint64_t kPeriod = kSecond;
constexpr uint32_t kPeriodMs = 1000;
constexpr uint32_t kResources = 3;

const char* const kNames[kResources] = {"cpu", "memory", "io"};
constexpr Metric kSome[kResources] = {Metric::kPressureCpu, Metric::kPressureMemory, Metric::kPressureIo};
constexpr Metric kFull[kResources] = {Metric::kPressureCpuFull, Metric::kPressureMemoryFull, Metric::kPressureIoFull};

// One file and its last reading, shared by all probes of it. It is kept for a second after them, because a new probe
// must not read it again at once. Guarded by the sampler's lock.
class PressureFile {
 public:
  // The only object for the file at `path`.
  static PressureFile* Acquire(const char* path, uint64_t now);
  void Release();

  // Reads if a second has passed since the last attempt. Returns the time until the next read is due.
  uint64_t Read(uint64_t now);

  uint64_t at() const { return at_; }  // of `pressure`
  const Pressure& pressure() const { return pressure_; }
  bool failed() const { return failed_; }
  // Why the last read failed.
  void Explain(bool of_group, Failure* out) const;

 private:
  File file_;
  uint64_t tried_at_ = 0;
  uint64_t at_ = 0;
  Pressure pressure_;
  bool failed_ = false;
  bool not_understood_ = false;
  uint32_t users_ = 0;
};

// Never destroyed: process.exit() runs static destructors while the sampling thread lives.
List<std::unique_ptr<PressureFile>>& Files() {
  static auto* files = new List<std::unique_ptr<PressureFile>>();
  return *files;
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

PressureFile* PressureFile::Acquire(const char* path, uint64_t now) {
  auto& files = Files();
  PressureFile* found = nullptr;
  for (size_t i = files.size(); i-- > 0;) {
    PressureFile* file = files[i].get();
    if (strcmp(file->file_.path(), path) == 0)
      found = file;
    else if (file->users_ == 0 && now - file->tried_at_ >= kPeriod)
      files.erase(files.begin() + i);
  }
  if (found == nullptr) {
    files.push_back(std::unique_ptr<PressureFile>(found = new PressureFile()));
    found->file_.SetPath(path);
  }
  found->users_++;
  return found;
}

void PressureFile::Release() {
  if (--users_ == 0) file_.Close();
}

uint64_t PressureFile::Read(uint64_t now) {
  if (tried_at_ != 0 && now - tried_at_ < kPeriod) return tried_at_ + kPeriod - now;
  tried_at_ = now;
  Buffer* buffer = SharedBuffer();
  const bool read = file_.Read(now, buffer);
  not_understood_ = read && !ParsePressure(buffer->data(), buffer->size, &pressure_);
  failed_ = !read || not_understood_;
  if (!failed_) at_ = now;
  return kPeriod;
}

void PressureFile::Explain(bool of_group, Failure* out) const {
  if (not_understood_)
    out->Set("pressure file without a line \"some ... total=\"");
  else
    file_.Explain(HintOf(file_.error(), of_group), out);
}

class PressureProbe final : public Probe {
 public:
  ~PressureProbe() override {
    for (Resource& each : resources_) each.Leave();
  }

  bool Open(const Selector& selector, Failure* why) {
    of_group_ = strcmp(selector.name, "group") == 0;
    if (of_group_) return FindGroup(1, why);
    for (uint32_t i = 0; i < kResources; i++) resources_[i].path.Set(roots_.proc.get(), "/pressure/", kNames[i]);
    return true;
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    if (of_group_) {
      Failure why;
      if (!FindGroup(now, &why)) return SetUnavailable(wanted, why, out);
    }
    for (uint32_t i = 0; i < kResources; i++) {
      const MetricMask of_resource = wanted & (MaskOf(kSome[i]) | MaskOf(kFull[i]));
      if (of_resource != 0) ReadOne(now, of_resource, i, out);
    }
  }

  const char* Origin(Metric metric) const override {
    const Resource* resource = ResourceOf(metric);
    return resource == nullptr ? "" : resource->path.get();
  }

  uint32_t MinPeriodMs(Metric metric) const override {
    const Resource* resource = ResourceOf(metric);
    return resource == nullptr ? kPeriodMs : resource->next_ms;
  }

 private:
  // Cumulative since the probe was made, and never backwards.
  struct Resource {
    Text path;
    PressureFile* file = nullptr;
    uint64_t at = 0;
    Pressure last;
    uint64_t some = 0;
    uint64_t full = 0;
    uint64_t elapsed = 0;
    uint64_t reported_at[2] = {};
    uint32_t next_ms = kPeriodMs;

    void Take() {
      const Pressure& now = file->pressure();
      if (at != 0) {
        some += SaturatingDifference(now.some, last.some);
        full += SaturatingDifference(now.full, last.full);
        elapsed += file->at() - at;
      }
      at = file->at();
      last = now;
    }

    // The next value becomes the baseline.
    void Leave() {
      if (file != nullptr) file->Release();
      file = nullptr;
      at = 0;
    }
  };

  const Resource* ResourceOf(Metric metric) const {
    for (uint32_t i = 0; i < kResources; i++) {
      if (kSome[i] == metric || kFull[i] == metric) return &resources_[i];
    }
    return nullptr;
  }

  // The files of this process's group; they change when the process is moved. Only version 2 has them, and no
  // controller of version 1 has this name.
  bool FindGroup(uint64_t now, Failure* why) {
    if (place_.Update(now, roots_, "pressure", SharedBuffer())) {
      for (uint32_t i = 0; i < kResources; i++) {
        Text path;
        path.Set(place_.path(), "/", kNames[i], ".pressure");
        if (strcmp(path.get(), resources_[i].path.get()) == 0) continue;
        resources_[i].Leave();
        resources_[i].path.Set(path.get());
      }
    }
    if (place_.unknown()) {
      place_.Explain(why);
    } else if (place_.version() == 0) {
      why->Set("no cgroups of version 2, which alone keep the pressure of a group");
    }
    return !why->failed();
  }

  void ReadOne(uint64_t now, MetricMask wanted, uint32_t index, Readings* out) {
    Resource& resource = resources_[index];
    if (resource.file == nullptr) resource.file = PressureFile::Acquire(resource.path.get(), now);
    const uint64_t left = resource.file->Read(now);
    resource.next_ms = kPeriodMs;
    // A shared wake-up may be early by a tenth of a period. The next one is then due after the rest of the second and a
    // little more, since it may be early as well.
    if (left < kPeriod) resource.next_ms = static_cast<uint32_t>((left + left / 8) / kMillisecond) + 1;
    if (resource.file->failed()) {
      Failure why;
      resource.file->Explain(of_group_, &why);
      return SetUnavailable(wanted, why, out);
    }
    if (resource.file->at() > resource.at) resource.Take();
    if (Wants(wanted, kSome[index])) Report(kSome[index], resource, resource.some, &resource.reported_at[0], out);
    if (!Wants(wanted, kFull[index])) return;
    if (resource.last.has_full) return Report(kFull[index], resource, resource.full, &resource.reported_at[1], out);
    SetUnavailable(MaskOf(kFull[index]), "the kernel has no line \"full\" for this resource; for cpu it came with 5.13",
                   out);
  }

  // Reports each reading only once: an old reading with a new time would stretch the window.
  static void Report(Metric metric, const Resource& resource, uint64_t stalled, uint64_t* reported_at, Readings* out) {
    if (*reported_at == resource.at) return;
    *reported_at = resource.at;
    SetPair(metric, ToDouble(stalled) / 1e6, ToSeconds(resource.elapsed), out);
  }

  const Roots roots_;
  bool of_group_ = false;
  CgroupPlace place_;
  Resource resources_[kResources];
};

}  // namespace

Probe* MakePressureProbe(const Selector& selector, Failure* why) { return OpenProbe<PressureProbe>(selector, why); }

}  // namespace tripline
