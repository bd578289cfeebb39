// battery, power.online: /sys/class/power_supply (Documentation/ABI/testing/sysfs-class-power). Batteries of mice and
// headsets (scope "Device") do not supply the machine. A machine without a battery runs on external power, even if
// nothing reports it.
#include <cstdio>
#include <initializer_list>

#include "linux/device.h"
#include "linux/families.h"
#include "linux/parse/sensor.h"
#include "port/platform.h"

namespace tripline {

namespace {

// Firmware computes shares from an old measurement of the full charge, so a little more than 100 % is real; 127 or 255
// means "unknown".
constexpr double kMostFull = 1.2;
// Microvolts.
constexpr double kLeastVoltage = 1e6;
constexpr double kMostVoltage = 1e9;

// The figures of one battery, or of several together.
struct Content {
  double now = 0, full = 0;
  int count = 0;

  double Percent() const { return now < full ? 100 * now / full : 100; }
};

class PowerProbe final : public Probe {
 public:
  PowerProbe() {
    folder_.Set(roots_.sys.get(), "/class/power_supply");
    // Querying a battery's embedded controller takes long. Without a battery the answer is immediate.
    DirectoryReader names(folder_.get());
    while (const char* name = names.Next()) {
      supply_.SetPath(folder_.get(), "/", name);
      blocking_ = blocking_ || (supply_.Says("type", "Battery") && !supply_.Says("scope", "Device"));
    }
  }

  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    Totals totals;
    DirectoryReader names(folder_.get());
    while (const char* name = names.Next()) {
      supply_.SetPath(folder_.get(), "/", name);
      Add(&totals);
    }
    if (Wants(wanted, Metric::kBattery)) {
      if (totals.batteries > 0 && !totals.why.failed()) {
        out->SetLevel(Metric::kBattery, Charge(totals));
      } else {
        if (totals.batteries == 0) totals.why.Set("this machine has no battery");
        SetUnavailable(MaskOf(Metric::kBattery), totals.why, out);
      }
    }
    if (!Wants(wanted, Metric::kPowerOnline)) return;
    if (totals.batteries > 0 && !totals.known) {
      return SetUnavailable(MaskOf(Metric::kPowerOnline), "no charger is shown, nor what the battery does", out);
    }
    out->SetLevel(Metric::kPowerOnline, IsOnBattery(totals) ? 0 : 1);
  }

  const char* Origin(Metric) const override { return folder_.get(); }
  bool blocking() const override { return blocking_; }

 private:
  struct Totals {
    bool online = false;   // some charger supplies power
    bool offline = false;  // the mains adapter does not
    bool charging = false;
    bool discharging = false;
    bool known = false;  // some adapter, charger or battery says where the power comes from
    int batteries = 0;
    double percent = 0;  // summed
    Content energy, charge;
    Failure why;  // why the charge of a battery is unknown
  };

  static bool IsOnBattery(const Totals& totals) {
    if (totals.batteries == 0 || totals.online || totals.charging) return false;
    return totals.offline || totals.discharging;
  }

  // Several batteries are weighted by capacity, as far as their units can be compared.
  static double Charge(const Totals& totals) {
    if (totals.batteries > 1) {
      if (totals.energy.count == totals.batteries) return totals.energy.Percent();
      if (totals.charge.count == totals.batteries) return totals.charge.Percent();
    }
    return totals.percent / totals.batteries;
  }

  void Add(Totals* totals) {
    Span type;
    if (supply_.Says("scope", "Device") || !supply_.ReadLine("type", &type)) return;
    if (IsSameName(type, "Battery")) return AddBattery(totals);
    int64_t online = 0;
    const bool mains = IsSameName(type, "Mains");
    if (IsSameName(type, "UPS") || !supply_.ReadInteger("online", &online)) return;
    // A port (USB, UCSI) that is offline only means that nothing is plugged in there.
    totals->online = totals->online || online > 0;
    totals->offline = totals->offline || (mains && online == 0);
    totals->known = totals->known || mains || online > 0;
  }

  void AddBattery(Totals* totals) {
    Span line;
    int64_t present = 0;
    // Empty for the battery that WSL 1 fakes on a desktop.
    if (supply_.ReadLine("present", &line) && (!ParseInteger(line.data, line.size, &present) || present == 0)) return;
    totals->batteries++;
    if (supply_.ReadLine("status", &line)) {
      totals->charging = totals->charging || IsSameName(line, "Charging");
      totals->known = totals->known || !(line.size == 0 || IsSameName(line, "Unknown"));
      totals->discharging = totals->discharging || IsSameName(line, "Discharging");
    }
    Content energy, charge;
    double voltage = 0;
    ReadContent("energy_now", "energy_full", "energy_full_design", &energy);
    ReadContent("charge_now", "charge_full", "charge_full_design", &charge);
    if (energy.count == 0 && charge.count > 0 && ReadVoltage(&voltage)) {
      energy = {charge.now * voltage, charge.full * voltage, 1};
    }
    Sum(energy, &totals->energy);
    Sum(charge, &totals->charge);
    int64_t capacity = 0;
    if (supply_.ReadInteger("capacity", &capacity) && capacity >= 0 &&
        static_cast<double>(capacity) <= 100 * kMostFull) {
      totals->percent += capacity < 100 ? static_cast<double>(capacity) : 100;
    } else if (energy.count + charge.count > 0) {
      totals->percent += (energy.count > 0 ? energy : charge).Percent();
    } else {
      snprintf(totals->why.text, sizeof(totals->why.text), "%.120s: does not say how full it is", supply_.path());
    }
  }

  static void Sum(const Content& one, Content* all) {
    all->now += one.now;
    all->full += one.full;
    all->count += one.count;
  }

  void ReadContent(const char* now_file, const char* full_file, const char* design_file, Content* out) {
    int64_t now = 0, full = 0;
    if (!supply_.ReadInteger(now_file, &now) || now < 0) return;
    if ((!supply_.ReadInteger(full_file, &full) || full <= 0) && !supply_.ReadInteger(design_file, &full)) return;
    if (full <= 0 || static_cast<double>(now) > static_cast<double>(full) * kMostFull) return;
    *out = {static_cast<double>(now < full ? now : full), static_cast<double>(full), 1};
  }

  // In volts: a charge in millionths of an ampere-hour times it is an energy in millionths of a watt-hour.
  bool ReadVoltage(double* volts) {
    for (const char* file : {"voltage_min_design", "voltage_now"}) {
      int64_t value = 0;
      if (!supply_.ReadInteger(file, &value)) continue;
      const double microvolts = static_cast<double>(value);
      *volts = microvolts / 1e6;
      if (microvolts >= kLeastVoltage && microvolts <= kMostVoltage) return true;
    }
    return false;
  }

  const Roots roots_;
  Text folder_;
  Device supply_;  // has a buffer of its own: Read() may run beside the sampling thread
  bool blocking_ = false;
};

}  // namespace

Probe* MakePowerProbe(Failure* why) {
  (void)why;
  return new PowerProbe();
}

}  // namespace tripline
