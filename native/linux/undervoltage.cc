// undervoltage: 1 while the supply of a Raspberry Pi is too weak.
//   the firmware's get_throttled, bit 0 (the Raspberry Pi's own kernels)
//   hwmon rpi_volt, in0_lcrit_alarm: within the last two seconds (mainline's)
// Both query the firmware and may take long, so this runs on a helper thread.

#include "linux/device.h"
#include "linux/families.h"
#include "linux/pi_firmware.h"
#include "port/platform.h"

namespace tripline {
namespace {

class UndervoltageProbe final : public Probe {
 public:
  bool Open(Failure* why) {
    if (firmware_.Find(roots_) || FindAlarm()) return true;
    why->Set("no firmware of a Raspberry Pi, which alone reports a weak supply");
    return false;
  }

  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    Failure why;
    uint64_t bits = 0;
    int64_t alarm = 0;
    // The numbers of hwmon devices change when a driver is loaded again.
    if (firmware_.found() ? firmware_.Read(&buffer_, &bits, &why)
                          : FindAlarm() && device_.ReadInteger(kAlarm, &alarm)) {
      const bool low = (bits & kUndervoltageBit) != 0 || alarm != 0;
      return out->SetLevel(Metric::kUndervoltage, low ? 1 : 0);
    }
    if (!why.failed()) why.Set("the voltage sensor of the Raspberry Pi is gone");
    SetUnavailable(wanted, why, out);
  }

  const char* Origin(Metric) const override { return firmware_.found() ? firmware_.path() : alarm_.get(); }
  bool blocking() const override { return true; }

 private:
  static constexpr const char* kAlarm = "in0_lcrit_alarm";

  bool FindAlarm() {
    Text folder;
    folder.Set(roots_.sys.get(), "/class/hwmon");
    for (const uint32_t number : NumbersIn(folder.get(), "hwmon")) {
      device_.SetNumbered(folder.get(), "hwmon", number);
      if (!device_.Says("name", "rpi_volt")) continue;
      alarm_.Set(device_.PathOf(kAlarm));
      return true;
    }
    return false;
  }

  const Roots roots_;
  PiFirmware firmware_;
  Device device_;
  Buffer buffer_;  // of our own: Read() runs beside the sampling thread
  Text alarm_;
};

}  // namespace

Probe* MakeUndervoltageProbe(Failure* why) { return OpenProbe<UndervoltageProbe>(why); }

}  // namespace tripline
