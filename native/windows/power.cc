// battery, power.online
#include "windows/convert.h"
#include "windows/families.h"
#include "windows/win.h"

namespace tripline {
namespace {

class PowerProbe final : public Probe {
 public:
  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    SYSTEM_POWER_STATUS status;
    Failure why;
    if (!GetSystemPowerStatus(&status)) {
      SetWinError("GetSystemPowerStatus", "", GetLastError(), "", &why);
      SetUnavailable(wanted, why, out);
      return;
    }
    double value = 0;
    if (Wants(wanted, Metric::kBattery)) {
      const windows::Known known = windows::BatteryPercent(status.BatteryFlag, status.BatteryLifePercent, &value);
      why.Set(known == windows::Known::kAbsent ? "no battery" : "the battery does not tell its charge");
      if (known == windows::Known::kYes)
        out->SetLevel(Metric::kBattery, value);
      else
        SetUnavailable(wanted & MaskOf(Metric::kBattery), why, out);
    }
    if (Wants(wanted, Metric::kPowerOnline)) {
      why.Set("GetSystemPowerStatus does not know where the power comes from");
      if (windows::PowerIsOnline(status.ACLineStatus, status.BatteryFlag, &value) == windows::Known::kYes) {
        out->SetLevel(Metric::kPowerOnline, value);
      } else {
        SetUnavailable(wanted & MaskOf(Metric::kPowerOnline), why, out);
      }
    }
  }

  const char* Origin(Metric) const override { return "GetSystemPowerStatus"; }
};

}  // namespace

Probe* MakePowerProbe(Failure*) { return new PowerProbe(); }

}  // namespace tripline
