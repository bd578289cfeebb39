// Low memory, as Windows tells everybody at once: it knows no levels that could be chosen.
#include "port/doorbell.h"

#include "windows/win.h"

namespace tripline {
namespace {

constexpr uint32_t kHoldOffMs = 1000;

class LowMemoryDoorbell final : public Doorbell {
 public:
  explicit LowMemoryDoorbell(HANDLE handle) : handle_(handle) {}
  ~LowMemoryDoorbell() override { CloseHandle(handle_); }

  intptr_t handle() const override { return reinterpret_cast<intptr_t>(handle_); }
  // For how long the Waiter does not listen to it after a ring, in milliseconds.
  uint32_t readiness() const override { return kHoldOffMs; }
  bool Answer() override { return true; }

 private:
  const HANDLE handle_;
};

}  // namespace

uint32_t MakeDoorbells(Metric metric, double, bool above, Doorbell** out, Failure* why) {
  const bool low = metric == Metric::kMemoryAvailable && !above;
  const bool high = (metric == Metric::kMemory || metric == Metric::kMemoryHost) && above;
  if (!low && !high) {
    why->Set("Windows tells nobody of this");
    return 0;
  }
  const HANDLE handle = CreateMemoryResourceNotification(LowMemoryResourceNotification);
  if (handle == nullptr) {
    SetWinError("CreateMemoryResourceNotification", "", GetLastError(), "", why);
    return 0;
  }
  out[0] = new LowMemoryDoorbell(handle);
  return 1;
}

}  // namespace tripline
