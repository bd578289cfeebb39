// memory.oomKills: how many processes of this process's memory group the kernel has killed for lack of memory since the
// probe was made.
//   memory.events: oom_kill (version 2), memory.oom_control: oom_kill (version 1, since 4.13), whatever limit was hit
//   /proc/vmstat: oom_kill, where there is no memory group: then the whole machine is the group
// memory.processes: how many processes are in the group itself.
//   cgroup.procs: its lines
#include <unistd.h>
#include <cstring>

#include "linux/cgroup.h"
#include "linux/families.h"
#include "linux/file.h"
#include "port/platform.h"
#include "util/counter.h"

namespace tripline {
namespace {

class OomKillsProbe final : public Probe {
 public:
  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    Buffer* buffer = SharedBuffer();
    if (place_.Update(now, roots_, "memory", buffer) || file_.path()[0] == '\0') FindFile();
    if (place_.unknown()) {
      Failure why;
      place_.Explain(&why);
      return SetUnavailable(wanted, why, out);
    }
    if ((wanted & kProcesses) != 0) CountProcesses(now, buffer, out);
    wanted &= ~kProcesses;
    if (wanted == 0) return;
    constexpr Key kKey = {"oom_kill"};
    uint64_t kills = 0;
    if (!file_.ReadPieces(now, buffer)) {
      file_.SetUnavailable(wanted, "", out);
      return file_.SetPath("");  // another path may work
    }
    if (ReadKeys(buffer->data(), buffer->size, &kKey, 1, 1, &kills) == 0) {
      return SetUnavailable(wanted, "this kernel does not count what it kills (before 4.13)", out);
    }
    kills_.Add(kills);
    out->SetLevel(Metric::kMemoryOomKills, kills_.sum());
  }

  const char* Origin(Metric metric) const override {
    return metric == Metric::kMemoryProcesses ? members_.path() : file_.path();
  }

 private:
  static constexpr MetricMask kProcesses = MaskOf(Metric::kMemoryProcesses);

  void CountProcesses(uint64_t now, Buffer* buffer, Readings* out) {
    if (place_.version() == 0) return SetUnavailable(kProcesses, "there is no memory group", out);
    if (!members_.ReadPieces(now, buffer)) return members_.SetUnavailable(kProcesses, "", out);
    size_t lines = 0;
    for (size_t i = 0; i < buffer->size; i++) lines += buffer->data()[i] == '\n';
    out->SetLevel(Metric::kMemoryProcesses, static_cast<double>(lines));
  }

  // The file of this process's group, or of the nearest ancestor with a memory controller.
  void FindFile() {
    Text before;
    before.Set(file_.path());
    SetFile();
    members_.SetPath(place_.path(), "/cgroup.procs");
    if (strcmp(before.get(), file_.path()) != 0) kills_.Forget();
  }

  void SetFile() {
    const char* name = place_.version() == 1 ? "/memory.oom_control" : "/memory.events";
    size_t size = place_.version() == 0 ? 0 : place_.size();
    while (size > 0) {
      Text group;
      group.SetPart(place_.path(), size);
      file_.SetPath(group.get(), name);
      if (access(file_.path(), F_OK) == 0) return;
      if (!place_.Parent(&size)) break;
    }
    file_.SetPath(roots_.proc.get(), "/vmstat");
  }

  const Roots roots_;
  CgroupPlace place_;
  File file_;
  File members_;
  GrowingSum kills_;
};

}  // namespace

Probe* MakeOomKillsProbe(Failure*) { return new OomKillsProbe(); }

}  // namespace tripline
