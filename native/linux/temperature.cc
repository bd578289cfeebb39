// temperature: the hottest plausible sensor of the CPU or its chip, or the one that was asked for. Which sensors those
// are follows from their names, because zone 0 may be a wireless card.
//
// A sensor may sit on a slow bus (a millisecond on many boards, seconds on some disks), so this runs on a helper
// thread.
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "linux/families.h"
#include "linux/file.h"
#include "linux/parse/sensor.h"
#include "port/platform.h"

namespace tripline {

namespace {

constexpr uint32_t kSensors = 16;
constexpr int kNumbers = 64;  // of zones and of hwmon devices that are looked at
constexpr int kInputs = 32;   // of one hwmon device
constexpr double kDegreesPerSecond = 20;
constexpr uint64_t kSlow = 20 * kMillisecond;
constexpr uint64_t kRest = 50;  // a slow sensor rests for this many times its reading

struct Sensor {
  File file;
  uint64_t due = 0;
  bool known = false;
  double celsius = 0;
};

class TemperatureProbe final : public Probe {
 public:
  bool Open(const Selector& selector, Failure* why) {
    const char* zone = selector.name;
    if (zone[0] != '\0') {
      AddZones(zone, false);
      AddChips(zone);
    } else {
      AddZones("", true);
      if (count_ == 0) AddChips("");
      // Boards without a name that tells: any zone that is not known to be something else.
      if (count_ == 0) AddZones("", false);
    }
    if (count_ > 0) return true;
    if (zone[0] == '\0') {
      why->Set("no temperature sensor of the CPU or its chip in /sys/class/thermal or /sys/class/hwmon");
    } else {
      snprintf(why->text, sizeof(why->text), "no temperature zone \"%s\"; there is %s", zone,
               seen_[0] == '\0' ? "none at all" : seen_);
    }
    return false;
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    hottest_ = nullptr;
    Failure why;
    for (uint32_t i = 0; i < count_; i++) {
      Sensor& sensor = sensors_[i];
      if (now >= sensor.due) ReadSensor(now, &sensor, &why);
      if (sensor.known && (hottest_ == nullptr || sensor.celsius > hottest_->celsius)) hottest_ = &sensor;
    }
    // A slow sensor that failed rests, and what it said then still holds.
    if (why.failed()) failure_ = why;
    if (hottest_ == nullptr) return SetUnavailable(wanted, failure_, out);
    if (Wants(wanted, Metric::kTemperature)) out->SetLevel(Metric::kTemperature, hottest_->celsius);
  }

  const char* Origin(Metric) const override {
    return hottest_ != nullptr ? hottest_->file.path() : sensors_[0].file.path();
  }
  double MaxSlope(Metric) const override { return kDegreesPerSecond; }
  bool blocking() const override { return true; }

 private:
  void ReadSensor(uint64_t now, Sensor* sensor, Failure* why) {
    const uint64_t begun = MonotonicNow();
    sensor->known = false;
    if (!sensor->file.Read(now, &buffer_)) {
      // EAGAIN, EINVAL, ENODATA while it sleeps.
      if (!why->failed()) sensor->file.Explain("the sensor does not answer", why);
    } else if (!ParseTemperature(buffer_.data(), buffer_.size, &sensor->celsius)) {
      if (!why->failed()) {
        snprintf(why->text, sizeof(why->text), "%s: not a plausible temperature", sensor->file.path());
      }
    } else {
      sensor->known = true;
    }
    const uint64_t took = MonotonicNow() - begun;
    sensor->due = took > kSlow ? now + took * kRest : 0;
  }

  // ---- which sensors

  void AddZones(const char* wanted, bool only_cpu) {
    for (int i = 0; i < kNumbers && count_ < kSensors; i++) {
      char name[64];
      snprintf(name, sizeof(name), "/class/thermal/thermal_zone%d", i);
      Text folder, file;
      folder.Set(roots_.sys.get(), name);
      file.Set(folder.get(), "/type");
      if (access(file.get(), R_OK) != 0 || !ReadOnce(file.get(), &buffer_)) continue;
      const Span type = FirstWord(buffer_.data(), buffer_.size);
      Note(type);
      if (wanted[0] != '\0' ? !type.Is(wanted) : only_cpu ? !IsCpuSensor(type) : IsOther(type)) continue;
      sensors_[count_++].file.SetPath(folder.get(), "/temp");
    }
  }

  static bool IsOther(Span type) {
    constexpr const char* kNames = "iwlwifi\0BAT\0bat\0charger\0nvme\0wifi\0modem\0pmic\0usb\0";
    for (const char* name = kNames; *name != '\0'; name += strlen(name) + 1) {
      if (type.StartsWith(name)) return true;
    }
    return false;
  }

  // Drivers of the CPU under hwmon, or the one with that name, or the input with that label.
  void AddChips(const char* wanted) {
    for (int i = 0; i < kNumbers && count_ < kSensors; i++) {
      char number[64];
      snprintf(number, sizeof(number), "/class/hwmon/hwmon%d", i);
      Text folder, file;
      folder.Set(roots_.sys.get(), number);
      file.Set(folder.get(), "/name");
      if (access(file.get(), R_OK) != 0) {
        // Where drivers put their files before 3.15.
        folder.Set(roots_.sys.get(), number, "/device");
        file.Set(folder.get(), "/name");
      }
      if (access(file.get(), R_OK) != 0 || !ReadOnce(file.get(), &buffer_)) continue;
      const Span name = FirstWord(buffer_.data(), buffer_.size);
      Note(name);
      const bool chip = wanted[0] == '\0' ? IsCpuSensor(name) : name.Is(wanted);
      if (!chip && wanted[0] == '\0') continue;
      for (int input = 1; input <= kInputs && count_ < kSensors; input++) {
        char leaf[32];
        snprintf(leaf, sizeof(leaf), "/temp%d_label", input);
        file.Set(folder.get(), leaf);
        const bool labeled = !chip && ReadOnce(file.get(), &buffer_) && LabelIs(wanted);
        if (!chip && !labeled) continue;
        snprintf(leaf, sizeof(leaf), "/temp%d_input", input);
        file.Set(folder.get(), leaf);
        if (access(file.get(), F_OK) == 0) sensors_[count_++].file.SetPath(file.get());
      }
    }
  }

  // The whole line: labels hold blanks ("Package id 0").
  bool LabelIs(const char* wanted) {
    Scanner scan(buffer_.data(), buffer_.size);
    return scan.Line().Is(wanted);
  }

  void Note(Span name) {
    const size_t length = strlen(seen_);
    if (length + name.size + 3 >= sizeof(seen_)) return;
    if (length > 0) strcat(seen_, ", ");
    strncat(seen_, name.data, name.size);
  }

  const Roots roots_;
  Buffer buffer_;  // of our own: Read() runs beside the sampling thread
  Sensor sensors_[kSensors];
  uint32_t count_ = 0;
  const Sensor* hottest_ = nullptr;
  Failure failure_;
  char seen_[96] = "";
};

}  // namespace

Probe* MakeTemperatureProbe(const Selector& selector, Failure* why) {
  TemperatureProbe* probe = new TemperatureProbe();
  if (probe->Open(selector, why)) return probe;
  delete probe;
  return nullptr;
}

}  // namespace tripline
