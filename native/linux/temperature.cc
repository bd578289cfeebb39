// temperature: the hottest plausible sensor of the CPU or its chip, or the one that was requested. Sensors are chosen
// by name, because zone 0 may be a wireless card.
//   /sys/class/thermal/thermal_zone*/type, temp
//   /sys/class/hwmon/hwmon*/name, temp*_label, temp*_input, temp*_fault, temp*_enable
// A sensor may sit on a slow bus (a millisecond on many boards, seconds on some disks), so this runs on a helper
// thread.
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "linux/device.h"
#include "linux/families.h"
#include "linux/parse/sensor.h"
#include "port/platform.h"

namespace tripline {

namespace {

constexpr double kDegreesPerSecond = 20;
constexpr uint64_t kSlow = 20 * kMillisecond;
constexpr uint64_t kRest = 50;  // a slow sensor rests for this many times its reading
// Interval between searches for sensors while one of them is missing; a search reads many files.
constexpr uint64_t kLookAgain = 2 * kSecond;
// The interval while sensors exist but none of them answers: they may be asleep.
constexpr uint64_t kLookElsewhere = 5 * kSecond;

// The open descriptor identifies a sensor: numbers of zones and hwmon devices change when a driver is loaded again.
struct Sensor {
  File file;
  Text fault, enable;  // empty where the sensor has no such file
  uint64_t due = 0;
  bool known = false;
  bool in_thousandths = false;
  double celsius = 0;
};

// The sources of sensors; the first one with any is used. Once chosen, no worse source replaces it while a driver is
// gone.
enum Choice : uint8_t { kCpuZones, kCpuChips, kUnnamedZones };

class TemperatureProbe final : public Probe {
 public:
  bool Open(const Selector& selector, Failure* why) {
    zone_.Set(selector.name);
    Look();
    if (!sensors_.empty()) return true;
    if (zone_.empty()) {
      why->Set("no temperature sensor of the CPU or its chip in /sys/class/{thermal,hwmon}");
    } else {
      snprintf(why->text, sizeof(why->text), "no temperature zone \"%.36s\"; there is %s%s", zone_.get(),
               seen_[0] == '\0' ? "none at all" : seen_, seen_all_ ? "" : " and more");
    }
    return false;
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    if (!ReadSensors(now) && now >= look_at_) {
      look_at_ = now + (missing_ ? kLookAgain : kLookElsewhere);
      Look();
      ReadSensors(now);
    }
    if (hottest_ == nullptr) return SetUnavailable(wanted, failure_, out);
    if (Wants(wanted, Metric::kTemperature)) out->SetLevel(Metric::kTemperature, hottest_->celsius);
  }

  const char* Origin(Metric) const override {
    if (hottest_ != nullptr) return hottest_->file.path();
    return sensors_.empty() ? "" : sensors_[0]->file.path();
  }
  double MaxSlope(Metric) const override { return kDegreesPerSecond; }
  bool blocking() const override { return true; }
  bool recovers() const override { return true; }

 private:
  // False if one of them is missing, or none has a temperature and none rests: a search would end its rest.
  bool ReadSensors(uint64_t now) {
    missing_ = sensors_.empty();
    hottest_ = nullptr;
    bool resting = false;
    Failure why;
    for (const std::unique_ptr<Sensor>& sensor : sensors_) {
      if (now >= sensor->due) ReadSensor(now, sensor.get(), &why);
      resting = resting || sensor->due > now;
      if (sensor->known && (hottest_ == nullptr || sensor->celsius > hottest_->celsius)) hottest_ = sensor.get();
    }
    // A slow sensor that failed rests, and its last result still holds.
    if (why.failed()) failure_ = why;
    return !missing_ && (hottest_ != nullptr || resting);
  }

  void ReadSensor(uint64_t now, Sensor* sensor, Failure* why) {
    const uint64_t begun = MonotonicNow();
    const char* text = nullptr;
    sensor->known = false;
    if (!sensor->file.Read(now, &buffer_)) {
      const bool missing = IsMissing(sensor->file);
      missing_ = missing_ || missing;
      // EAGAIN, EINVAL, ENODATA while it sleeps.
      if (!why->failed()) sensor->file.Explain(missing ? "" : "the sensor does not answer", why);
    } else if (!ParseTemperature(buffer_.data(), buffer_.size, &sensor->in_thousandths, &sensor->celsius)) {
      text = "not a plausible temperature";
    } else if (Says(sensor->fault, '1')) {
      text = "the sensor reports a fault";
    } else if (Says(sensor->enable, '0')) {
      text = "the sensor is switched off";
    } else {
      sensor->known = true;
    }
    if (text != nullptr && !why->failed()) {
      snprintf(why->text, sizeof(why->text), "%.120s: %s", sensor->file.path(), text);
    }
    const uint64_t took = MonotonicNow() - begun;
    sensor->due = took > kSlow ? now + took * kRest : 0;
  }

  // Whether the file's device is gone, or was never opened.
  static bool IsMissing(const File& file) {
    const int error = file.error();
    return strcmp(file.call(), "open") == 0 || error == ENODEV || error == ENOENT || error == EBADF ||
           error == ESTALE || error == ENOTCONN;
  }

  bool Says(const Text& file, char digit) {
    return !file.empty() && ReadOnce(file.get(), &buffer_) && buffer_.size > 0 && buffer_.data()[0] == digit;
  }

  // ---- which sensors

  void Look() {
    hottest_ = nullptr;
    sensors_.clear();
    seen_[0] = '\0';
    seen_all_ = true;
    if (!zone_.empty()) {
      AddZones(kUnnamedZones);
      AddChips();
      return;
    }
    for (int choice = kCpuZones; sensors_.empty() && choice <= worst_; choice++) {
      if (choice == kCpuChips)
        AddChips();
      else
        AddZones(static_cast<Choice>(choice));
      if (!sensors_.empty()) worst_ = choice;
    }
  }

  void AddZones(Choice choice) {
    Text folder;
    folder.Set(roots_.sys.get(), "/class/thermal");
    for (const uint32_t number : NumbersIn(folder.get(), "thermal_zone")) {
      device_.SetNumbered(folder.get(), "thermal_zone", number);
      Span type;
      if (!device_.ReadLine("type", &type)) continue;
      Note(type);
      const bool good = !zone_.empty()        ? IsSameName(type, zone_.get())
                        : choice == kCpuZones ? IsCpuSensor(type)
                                              : !IsOtherSensor(type);
      if (good && device_.Has("temp")) Add("temp");
    }
  }

  // Drivers of the CPU under hwmon; or the driver with the requested name, or the input with that label.
  void AddChips() {
    Text folder;
    folder.Set(roots_.sys.get(), "/class/hwmon");
    for (const uint32_t number : NumbersIn(folder.get(), "hwmon")) {
      device_.SetNumbered(folder.get(), "hwmon", number);
      // Drivers put their files one level below before 3.15.
      if (!device_.Has("name")) device_.Descend("/device");
      Span chip;
      if (!device_.ReadLine("name", &chip)) continue;
      Note(chip);
      const bool whole = zone_.empty() ? IsCpuSensor(chip) : IsSameName(chip, zone_.get());
      if (whole || !zone_.empty()) AddInputs(whole);
    }
  }

  // All inputs of a chip, or those with the requested label.
  void AddInputs(bool whole) {
    const List<uint32_t> inputs = NumbersIn(device_.path(), "temp", "_input");
    bool has_die = false;
    for (const uint32_t input : inputs) has_die = has_die || LabelIs(input, "Tdie");
    for (const uint32_t input : inputs) {
      // Tctl is Tdie and an offset that makes fans run faster (Documentation/hwmon/k10temp.rst).
      if (whole ? has_die && LabelIs(input, "Tctl") : !LabelIs(input, zone_.get())) continue;
      Add(NameOf(input, "input"));
      SetIfThere(NameOf(input, "fault"), &sensors_.back()->fault);
      SetIfThere(NameOf(input, "enable"), &sensors_.back()->enable);
    }
  }

  const char* NameOf(uint32_t input, const char* what) {
    snprintf(leaf_, sizeof(leaf_), "temp%u_%s", static_cast<unsigned>(input), what);
    return leaf_;
  }

  bool LabelIs(uint32_t input, const char* text) {
    Span label;
    return device_.ReadLine(NameOf(input, "label"), &label) && IsSameName(label, text);
  }

  void Add(const char* file) {
    sensors_.push_back(std::unique_ptr<Sensor>(new Sensor()));
    sensors_.back()->file.SetPath(device_.PathOf(file));
    sensors_.back()->file.SetPinned();
  }

  void SetIfThere(const char* file, Text* out) {
    if (device_.Has(file)) out->Set(device_.PathOf(file));
  }

  // For the message that lists the available sensors.
  void Note(Span name) {
    const size_t length = strlen(seen_);
    seen_all_ = seen_all_ && length + name.size + 3 < sizeof(seen_);
    if (!seen_all_) return;
    if (length > 0) strcat(seen_, ", ");
    strncat(seen_, name.data, name.size);
  }

  const Roots roots_;
  Text zone_;
  Device device_;
  Buffer buffer_;  // of our own: Read() runs beside the sampling thread
  List<std::unique_ptr<Sensor>> sensors_;
  int worst_ = kUnnamedZones;
  bool missing_ = false;
  uint64_t look_at_ = 0;
  const Sensor* hottest_ = nullptr;
  Failure failure_;
  char leaf_[32];
  char seen_[72] = "";
  bool seen_all_ = true;
};

}  // namespace

Probe* MakeTemperatureProbe(const Selector& selector, Failure* why) {
  return OpenProbe<TemperatureProbe>(selector, why);
}

}  // namespace tripline
