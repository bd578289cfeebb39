// Kernel push on Linux: PSI triggers, memory.events and memory.pressure of this process's cgroup (version 2), and
// thresholds on its usage through an eventfd (version 1).
#include "linux/push_trigger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "linux/cgroup.h"
#include "linux/file.h"
#include "port/platform.h"

namespace tripline {
namespace {

constexpr long kProcMagic = 0x9fa0;
constexpr long kCgroup2Magic = 0x63677270;

// From 6.4 on, kernels allow triggers to any process, in windows that are multiples of two seconds. Shorter windows,
// which fire sooner, require CAP_SYS_RESOURCE.
constexpr unsigned kWindows[] = {1000000, 2000000};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

// A file that epoll reports as EPOLLPRI: PSI triggers, and kernfs files that notify.
class PriorityTrigger : public PushTrigger {
 public:
  // `reread`: the kernel notifies again only after the file has been read.
  PriorityTrigger(int fd, bool reread) : fd_(fd), reread_(reread) {}

  intptr_t handle() const override { return fd_.get(); }
  uint32_t readiness() const override { return EPOLLPRI; }
  bool Acknowledge() override {
    // A trigger whose group was removed reports an error and POLLPRI at once, forever.
    struct pollfd state = {fd_.get(), POLLPRI, 0};
    if (poll(&state, 1, 0) > 0 && (state.revents & POLLERR) != 0) return false;
    if (!reread_) return true;
    char ignored[256];
    return pread(fd_.get(), ignored, sizeof(ignored), 0) > 0;
  }

 private:
  Descriptor fd_;
  const bool reread_;
};

class EventTrigger : public PushTrigger {
 public:
  explicit EventTrigger(int fd) : fd_(fd) {}

  intptr_t handle() const override { return fd_.get(); }
  uint32_t readiness() const override { return EPOLLIN; }
  bool Acknowledge() override {
    uint64_t ignored;
    return read(fd_.get(), &ignored, sizeof(ignored)) == sizeof(ignored) || errno == EAGAIN;
  }

 private:
  Descriptor fd_;
};

bool IsOf(int fd, long magic) {
  struct statfs where;
  return fstatfs(fd, &where) == 0 && static_cast<long>(where.f_type) == magic;
}

// Arms a PSI trigger that fires once tasks have stalled for `share` percent of a window.
PushTrigger* MakePsiTrigger(const char* path, double share, long magic, Failure* why) {
  for (const unsigned window : kWindows) {
    Descriptor fd(open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (fd.get() < 0) {
      why->SetErrno("open for a trigger", path, errno, "");
      return nullptr;
    }
    // Another machine's files, seen through HOST_PROC, must not be written to.
    if (!IsOf(fd.get(), magic)) {
      why->Set("the file is not the kernel's own, so it cannot push");
      return nullptr;
    }
    unsigned threshold = static_cast<unsigned>(share / 100 * window);
    if (threshold < 1000) threshold = 1000;
    if (threshold > window) threshold = window;
    char trigger[64];
    const int size = snprintf(trigger, sizeof(trigger), "some %u %u", threshold, window);
    // With its terminating NUL: the kernel overwrites the last byte of the string that it is given.
    if (write(fd.get(), trigger, static_cast<size_t>(size) + 1) > 0) return new PriorityTrigger(fd.Release(), false);
  }
  why->SetErrno("write trigger", path, errno, "kernels before 6.4 ask for CAP_SYS_RESOURCE");
  return nullptr;
}

// `scope`: empty for the machine, otherwise this process's group.
PushTrigger* MakePressureTrigger(const char* name, const char* scope, double enter, Failure* why) {
  const Roots roots;
  Text path;
  if (scope[0] != '\0') {
    CgroupPlace place;
    place.Update(MonotonicNow(), roots, "pressure", SharedBuffer());
    path.Set(place.path(), "/", name, ".pressure");
    return MakePsiTrigger(path.get(), enter, kCgroup2Magic, why);
  }
  path.Set(roots.proc.get(), "/pressure/", name);
  return MakePsiTrigger(path.get(), enter, kProcMagic, why);
}

// The number in a cgroup file; negative where it cannot be read or is "max".
double ReadNumber(const char* directory, const char* name) {
  Text path;
  path.Set(directory, name);
  Descriptor fd(open(path.get(), O_RDONLY | O_CLOEXEC));
  char text[32] = {};
  if (fd.get() < 0 || pread(fd.get(), text, sizeof(text) - 1, 0) <= 0 || text[0] < '0' || text[0] > '9') return -1;
  return static_cast<double>(strtoull(text, nullptr, 10));
}

// Fires when the usage of a version 1 group passes the point that would cross the limit if nothing could be reclaimed.
PushTrigger* MakeUsageTrigger(const char* group, Metric metric, double enter, Failure* why) {
  const double limit = ReadNumber(group, "/memory.limit_in_bytes");
  if (limit < 0 || limit >= 9e18) {
    why->Set("the memory cgroup of this process has no limit");
    return nullptr;
  }
  const double threshold = metric == Metric::kMemory ? limit * enter / 100 : limit - enter;
  Text usage_path;
  usage_path.Set(group, "/memory.usage_in_bytes");
  Text control_path;
  control_path.Set(group, "/cgroup.event_control");
  Descriptor usage(open(usage_path.get(), O_RDONLY | O_CLOEXEC));
  Descriptor control(open(control_path.get(), O_WRONLY | O_CLOEXEC));
  Descriptor event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (usage.get() < 0 || control.get() < 0 || event.get() < 0) {
    why->SetErrno("open", control_path.get(), errno, "mounted read-only in a container?");
    return nullptr;
  }
  char request[64];
  const int size =
      snprintf(request, sizeof(request), "%d %d %.0f", event.get(), usage.get(), threshold > 0 ? threshold : 0);
  if (write(control.get(), request, static_cast<size_t>(size)) < 0) {
    why->SetErrno("write", control_path.get(), errno, "");
    return nullptr;
  }
  return new EventTrigger(event.Release());
}

uint32_t MakeMemoryTriggers(Metric metric, double enter, PushTrigger** out, Failure* why) {
  const Roots roots;
  CgroupPlace place;
  place.Update(MonotonicNow(), roots, "memory", SharedBuffer());
  if (place.version() == 1) {
    out[0] = MakeUsageTrigger(place.path(), metric, enter, why);
    return out[0] != nullptr ? 1 : 0;
  }
  if (place.version() != 2) {
    why->Set("no memory cgroup here");
    return 0;
  }
  uint32_t count = 0;
  Text events;
  events.Set(place.path(), "/memory.events");
  // Read access is enough here, so it works in containers with a read-only view of their cgroup.
  Descriptor fd(open(events.get(), O_RDONLY | O_CLOEXEC));
  if (fd.get() >= 0 && IsOf(fd.get(), kCgroup2Magic)) {
    out[count] = new PriorityTrigger(fd.Release(), true);
    if (out[count]->Acknowledge()) {
      count++;
    } else {
      delete out[count];
    }
  } else {
    why->SetErrno("open", events.get(), errno, "");
  }
  Text pressure;
  pressure.Set(place.path(), "/memory.pressure");
  // A tenth of the window: by then the group is reclaiming in earnest.
  out[count] = MakePsiTrigger(pressure.get(), 10, kCgroup2Magic, why);
  if (out[count] != nullptr) count++;
  return count;
}

}  // namespace

PushTrigger* MakePriorityTrigger(int fd, bool reread) { return new PriorityTrigger(fd, reread); }

uint32_t MakePushTriggers(Metric metric, const char* name, double enter, bool above, PushTrigger** out, Failure* why) {
  out[0] = nullptr;
  switch (metric) {
    case Metric::kPressureCpu:
      if (above) out[0] = MakePressureTrigger("cpu", name, enter, why);
      break;
    case Metric::kPressureMemory:
      if (above) out[0] = MakePressureTrigger("memory", name, enter, why);
      break;
    case Metric::kPressureIo:
      if (above) out[0] = MakePressureTrigger("io", name, enter, why);
      break;
    case Metric::kMemory:
    case Metric::kMemoryAvailable:
      if (above == (metric == Metric::kMemory)) return MakeMemoryTriggers(metric, enter, out, why);
      break;
    default: why->Set("the kernel does not push this figure"); return 0;
  }
  if (out[0] == nullptr && !why->failed()) why->Set("the kernel pushes this figure only in the direction that is bad");
  return out[0] != nullptr ? 1 : 0;
}

}  // namespace tripline
