// pids: tasks of this process's group as a share of its limit; of the group up the chain, or the machine, that is
// nearest to its limit. Tasks are threads.
//   pids.current, pids.max    of every group up the chain, version 1 or 2
//   /proc/loadavg, /proc/sys/kernel/pid_max, threads-max    of the machine
#include <cerrno>
#include <memory>

#include "linux/cgroup.h"
#include "linux/families.h"
#include "linux/file.h"
#include "linux/parse/cgroup.h"
#include "port/platform.h"
#include "util/list.h"

namespace tripline {
namespace {

constexpr uint64_t kLimitsPeriod = kSecond;

// A group or the machine, with its limit.
struct Level {
  File tasks;
  File limits[2];
  double limit = 0;  // 0 if there is none
};

class PidsProbe final : public Probe {
 public:
  PidsProbe() {
    machine_.tasks.SetPath(roots_.proc.get(), "/loadavg");
    machine_.limits[0].SetPath(roots_.proc.get(), "/sys/kernel/pid_max");
    machine_.limits[1].SetPath(roots_.proc.get(), "/sys/kernel/threads-max");
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    fullest_ = nullptr;
    share_ = 0;
    Failure why;
    if (place_.Update(now, roots_, "pids", SharedBuffer())) ListGroups();
    if (place_.unknown()) {
      place_.Explain(&why);
      return SetUnavailable(wanted, why, out);
    }
    bool known = true;
    for (const auto& group : groups_) known = known && Judge(now, group.get(), &why);
    if (!known || !Judge(now, &machine_, &why)) return SetUnavailable(wanted, why, out);
    if (fullest_ != nullptr) return out->SetLevel(Metric::kPids, share_);
    SetUnavailable(wanted, "no group up the chain has a limit, and that of the machine is not shown", out);
  }

  const char* Origin(Metric) const override { return fullest_ == nullptr ? "" : fullest_->tasks.path(); }

 private:
  void ListGroups() {
    groups_.clear();
    if (place_.version() == 0) return;
    size_t size = place_.size();
    do {
      Text group;
      group.SetPart(place_.path(), size);
      groups_.push_back(std::unique_ptr<Level>(new Level()));
      groups_.back()->tasks.SetPath(group.get(), "/pids.current");
      groups_.back()->limits[0].SetPath(group.get(), "/pids.max");
    } while (place_.Parent(&size));
  }

  // False with `why` if it has a limit but cannot be judged.
  bool Judge(uint64_t now, Level* level, Failure* why) {
    double limit = 0;
    for (File& file : level->limits) {
      uint64_t value = kNoLimit;
      if (file.path()[0] == '\0') continue;
      switch (file.ReadIfOlder(now, kLimitsPeriod, SharedBuffer())) {
        case File::kKept: limit = level->limit; continue;
        case File::kFresh:
          if (ParseLimit(SharedBuffer()->data(), SharedBuffer()->size, &value)) break;
          file.Explain("", why);
          return false;
        case File::kFailed:
          // The top of the hierarchy has no limit, nor has a group without the controller.
          if (file.error() == ENOENT) break;
          file.Explain("", why);
          return false;
      }
      if (value == kNoLimit) continue;
      // With a limit of 0 no task may be started, so the group counts as full, as with a limit of 1.
      const double number = value == 0 ? 1 : ToDouble(value);
      if (limit == 0 || number < limit) limit = number;
    }
    level->limit = limit;
    if (limit == 0) return true;
    double tasks = 0;
    if (!CountTasks(now, level, &tasks)) {
      level->tasks.Explain("", why);
      return false;
    }
    // A process that is moved into a group may exceed the group's limit.
    const double share = tasks < limit ? 100 * tasks / limit : 100;
    if (fullest_ != nullptr && share <= share_) return true;
    fullest_ = level;
    share_ = share;
    return true;
  }

  bool CountTasks(uint64_t now, Level* level, double* tasks) {
    Buffer* buffer = SharedBuffer();
    if (!level->tasks.Read(now, buffer)) return false;
    Scanner scan(buffer->data(), buffer->size);
    // "0.50 0.40 0.30 1/100 1234": running tasks / all tasks.
    if (level == &machine_ && (!scan.Find('/') || !scan.Match("/"))) return false;
    uint64_t number = 0;
    const bool known = scan.Whole(&number);
    *tasks = ToDouble(number);
    return known;
  }

  const Roots roots_;
  CgroupPlace place_;
  List<std::unique_ptr<Level>> groups_;  // this process's own first
  Level machine_;
  const Level* fullest_ = nullptr;
  double share_ = 0;
};

}  // namespace

Probe* MakePidsProbe(Failure*) { return new PidsProbe(); }

}  // namespace tripline
