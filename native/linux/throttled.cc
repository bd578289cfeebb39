// throttled: 1 while the machine holds itself back because of heat or a weak supply.
//   Raspberry Pi     the firmware's get_throttled: bits 0 to 3 are now (voltage, frequency cap, throttling, soft
//   limit);
//                    the bits above are "since it was started" and do not count
//   x86              thermal_throttle counts of the first CPUs, when they have grown lately
//   other boards     a cooling device that slows the CPU and is on
// The Pi's file asks the firmware through a mailbox and may take long, so this runs on a helper thread.
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "linux/families.h"
#include "linux/file.h"
#include "linux/parse/sensor.h"
#include "port/platform.h"

namespace tripline {

namespace {

constexpr uint32_t kFiles = 32;
constexpr int kCpus = 8;
constexpr int kCoolers = 64;
constexpr uint64_t kNowBits = 0xf;
constexpr uint64_t kLately = 2 * kSecond;  // how long a count that has grown means "now"

enum IndicatorKind : uint8_t { kFirmware, kCount, kCooler };

struct ThrottleIndicator {
  File file;
  IndicatorKind meaning = kFirmware;
  bool has_last = false;
  int64_t last = 0;
  uint64_t grown_at = 0;
};

class ThrottledProbe final : public Probe {
 public:
  bool Open(Failure* why) {
    AddFirmware();
    AddCounts();
    AddCoolers();
    if (count_ > 0) return true;
    why->Set(
        "nothing here tells of throttling: no Raspberry Pi firmware, thermal_throttle counts or CPU cooling device");
    return false;
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    bool any = false;
    bool throttled = false;
    Failure why;
    decider_ = &indicators_[0];
    for (uint32_t i = 0; i < count_; i++) {
      bool on = false;
      if (!ReadIndicator(now, &indicators_[i], &on, &why)) continue;
      any = true;
      if (on && !throttled) decider_ = &indicators_[i];
      throttled = throttled || on;
    }
    if (!any) return SetUnavailable(wanted, why, out);
    if (Wants(wanted, Metric::kThrottled)) out->SetLevel(Metric::kThrottled, throttled ? 1 : 0);
  }

  const char* Origin(Metric) const override { return decider_->file.path(); }
  bool blocking() const override { return true; }

 private:
  bool ReadIndicator(uint64_t now, ThrottleIndicator* sign, bool* on, Failure* why) {
    if (!sign->file.Read(now, &buffer_)) {
      if (!why->failed()) sign->file.Explain("", why);
      return false;
    }
    uint64_t bits = 0;
    int64_t value = 0;
    const bool good = sign->meaning == kFirmware ? ParseHex(buffer_.data(), buffer_.size, &bits)
                                                 : ParseInteger(buffer_.data(), buffer_.size, &value);
    if (!good) {
      if (!why->failed()) snprintf(why->text, sizeof(why->text), "%s: not a number", sign->file.path());
      return false;
    }
    switch (sign->meaning) {
      case kFirmware: *on = (bits & kNowBits) != 0; break;
      case kCount:
        if (sign->has_last && value > sign->last) sign->grown_at = now;
        sign->has_last = true;
        sign->last = value;
        *on = sign->grown_at != 0 && now - sign->grown_at < kLately;
        break;
      case kCooler: *on = value > 0; break;
    }
    return true;
  }

  void Add(const char* path, IndicatorKind meaning) {
    if (count_ == kFiles || access(path, R_OK) != 0) return;
    indicators_[count_].meaning = meaning;
    indicators_[count_++].file.SetPath(path);
  }

  // The device is called differently on different boards; its driver is not.
  void AddFirmware() {
    Text folder, file;
    folder.Set(roots_.sys.get(), "/bus/platform/drivers/raspberrypi-firmware");
    {
      DirectoryReader names(folder.get());
      while (const char* name = names.Next()) {
        file.Set(folder.get(), "/", name, "/get_throttled");
        Add(file.get(), kFirmware);
      }
    }
    if (count_ > 0) return;
    file.Set(roots_.sys.get(), "/devices/platform/soc/soc:firmware/get_throttled");
    Add(file.get(), kFirmware);
  }

  void AddCounts() {
    for (int cpu = 0; cpu < kCpus; cpu++) {
      for (const char* what : {"core", "package"}) {
        char name[96];
        snprintf(name, sizeof(name), "/devices/system/cpu/cpu%d/thermal_throttle/%s_throttle_count", cpu, what);
        Text file;
        file.Set(roots_.sys.get(), name);
        Add(file.get(), kCount);
      }
    }
  }

  void AddCoolers() {
    for (int i = 0; i < kCoolers; i++) {
      char name[64];
      snprintf(name, sizeof(name), "/class/thermal/cooling_device%d", i);
      Text folder, file;
      folder.Set(roots_.sys.get(), name);
      file.Set(folder.get(), "/type");
      if (access(file.get(), R_OK) != 0 || !ReadOnce(file.get(), &buffer_)) continue;
      const Span type = FirstWord(buffer_.data(), buffer_.size);
      if (!type.StartsWith("thermal-cpufreq") && !type.StartsWith("cpufreq") && !type.Is("Processor")) continue;
      file.Set(folder.get(), "/cur_state");
      Add(file.get(), kCooler);
    }
  }

  const Roots roots_;
  Buffer buffer_;  // of our own: Read() runs beside the sampling thread
  ThrottleIndicator indicators_[kFiles];
  uint32_t count_ = 0;
  const ThrottleIndicator* decider_ = &indicators_[0];
};

}  // namespace

Probe* MakeThrottledProbe(Failure* why) {
  ThrottledProbe* probe = new ThrottledProbe();
  if (probe->Open(why)) return probe;
  delete probe;
  return nullptr;
}

}  // namespace tripline
