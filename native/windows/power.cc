// battery, power.online: GetSystemPowerStatus.
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
      const bool short_term = HasShortTermBatteries();
      const windows::Known known =
          windows::BatteryPercent(status.BatteryFlag, status.BatteryLifePercent, short_term, &value);
      const char* const absent = short_term ? "no battery but that of a UPS" : "no battery";
      why.Set(known == windows::Known::kAbsent ? absent : "the battery does not report its charge");
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

 private:
  // Checked at each read, because a UPS may be plugged in or out.
  bool HasShortTermBatteries() const {
    SYSTEM_POWER_CAPABILITIES capabilities = {};
    return query_ != nullptr && query_(kCapabilities, nullptr, 0, &capabilities, sizeof(capabilities)) == 0 &&
           capabilities.BatteriesAreShortTerm != 0;
  }

  using QueryPower = LONG(WINAPI*)(int, PVOID, ULONG, PVOID, ULONG);
  static constexpr int kCapabilities = 4;  // SystemPowerCapabilities

  const QueryPower query_ = FindFunction<QueryPower>(L"powrprof.dll", "CallNtPowerInformation");
};

}  // namespace

Probe* MakePowerProbe(Failure*) { return new PowerProbe(); }

}  // namespace tripline
