// throttled: the thermal level that notifyd publishes.
#include <sys/sysctl.h>

#include "darwin/convert.h"
#include "darwin/families.h"

// Declarations from <notify.h>, which is not among the headers that release binaries are built with.
extern "C" {
uint32_t notify_register_check(const char* name, int* token);
uint32_t notify_get_state(int token, uint64_t* state);
uint32_t notify_cancel(int token);
}

namespace tripline {
namespace {

constexpr const char* kName = "com.apple.system.thermalpressurelevel";

class ThrottledProbe final : public Probe {
 public:
  ~ThrottledProbe() override {
    if (open_) notify_cancel(token_);
  }

  bool Open(Failure* why) {
    // The level is published on hardware only: in a virtual machine it would be 0 forever.
    int is_virtual = 0;
    size_t size = sizeof(is_virtual);
    if (sysctlbyname("kern.hv_vmm_present", &is_virtual, &size, nullptr, 0) == 0 && is_virtual != 0) {
      why->Set("a virtual machine does not see the thermal level of its host");
      return false;
    }
    open_ = notify_register_check(kName, &token_) == 0;
    if (!open_) why->Set("notify_register_check com.apple.system.thermalpressurelevel failed");
    return open_;
  }

  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    uint64_t level = 0;
    if (notify_get_state(token_, &level) == 0) {
      if (Wants(wanted, Metric::kThrottled)) out->SetLevel(Metric::kThrottled, darwin::IsThrottled(level) ? 1 : 0);
      return;
    }
    Failure why;
    why.Set("notify_get_state com.apple.system.thermalpressurelevel failed");
    SetUnavailable(wanted & MaskOf(Metric::kThrottled), why, out);
  }

  const char* Origin(Metric) const override { return "notify com.apple.system.thermalpressurelevel"; }

 private:
  int token_ = 0;
  bool open_ = false;
};

}  // namespace

Probe* MakeThrottledProbe(Failure* why) { return OpenProbe<ThrottledProbe>(why); }

}  // namespace tripline
