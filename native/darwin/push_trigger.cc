// Memory pressure: the kernel notifies every process of changes of its level.
#include "port/push_trigger.h"

#include <errno.h>
#include <sys/event.h>
#include <unistd.h>

namespace tripline {
namespace {

// libdispatch's memory pressure sources use these; they are not in the public headers.
constexpr int16_t kMemoryStatus = -14;       // EVFILT_MEMORYSTATUS
constexpr uint32_t kWarnOrCritical = 2 | 4;  // NOTE_MEMORYSTATUS_PRESSURE_WARN, _CRITICAL

// Has a kqueue of its own, because one queue can hold only one registration for memory pressure.
class PressureTrigger final : public PushTrigger {
 public:
  explicit PressureTrigger(int queue) : queue_(queue) {}
  ~PressureTrigger() override { close(queue_); }

  intptr_t handle() const override { return queue_; }
  uint32_t readiness() const override { return 0; }
  bool Acknowledge() override {
    struct kevent taken;
    const struct timespec at_once = {0, 0};
    kevent(queue_, nullptr, 0, &taken, 1, &at_once);
    return true;
  }

 private:
  const int queue_;
};

}  // namespace

uint32_t MakePushTriggers(Metric metric, const char*, double, bool above, PushTrigger** out, Failure* why) {
  const bool low = metric == Metric::kMemoryAvailable && !above;
  const bool high = (metric == Metric::kMemory || metric == Metric::kMemoryHost) && above;
  if (!low && !high) {
    why->Set("macOS does not notify of this");
    return 0;
  }
  const int queue = kqueue();
  struct kevent interest;
  EV_SET(&interest, 0, kMemoryStatus, EV_ADD | EV_CLEAR, kWarnOrCritical, 0, nullptr);
  if (queue < 0 || kevent(queue, &interest, 1, nullptr, 0, nullptr) != 0) {
    why->SetErrno("kevent", "EVFILT_MEMORYSTATUS", errno, "");
    if (queue >= 0) close(queue);
    return 0;
  }
  out[0] = new PressureTrigger(queue);
  return 1;
}

}  // namespace tripline
