// Low memory: Windows notifies all processes at the same level, which cannot be chosen.
#include "port/push_trigger.h"

#include "windows/win.h"

namespace tripline {
namespace {

constexpr uint32_t kHoldOffMs = 1000;

class LowMemoryTrigger final : public PushTrigger {
 public:
  explicit LowMemoryTrigger(HANDLE handle) : handle_(handle) {}
  ~LowMemoryTrigger() override { CloseHandle(handle_); }

  intptr_t handle() const override { return reinterpret_cast<intptr_t>(handle_); }
  // How long the Waiter ignores the trigger after it has fired, in milliseconds.
  uint32_t readiness() const override { return kHoldOffMs; }
  bool Acknowledge() override { return true; }

 private:
  const HANDLE handle_;
};

}  // namespace

uint32_t MakePushTriggers(Metric metric, const char*, double, bool above, PushTrigger** out, Failure* why) {
  const bool low = metric == Metric::kMemoryAvailable && !above;
  const bool high = (metric == Metric::kMemory || metric == Metric::kMemoryHost) && above;
  if (!low && !high) {
    why->Set("Windows does not notify of this");
    return 0;
  }
  const HANDLE handle = CreateMemoryResourceNotification(LowMemoryResourceNotification);
  if (handle == nullptr) {
    SetWinError("CreateMemoryResourceNotification", "", GetLastError(), "", why);
    return 0;
  }
  out[0] = new LowMemoryTrigger(handle);
  return 1;
}

}  // namespace tripline
