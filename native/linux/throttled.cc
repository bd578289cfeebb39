// clang-format off
// throttled: 1 while the machine holds itself back because of heat or a weak supply.
//   Raspberry Pi     the firmware's get_throttled: bits 0 to 3 are now (voltage, frequency cap, throttling, soft limit);
//                    the bits above are "since it was started" and do not count
//   x86              thermal_throttle counts of every CPU, when one has grown lately
//   other boards     a cooling device that slows the CPU and is on
// The Pi's file asks the firmware through a mailbox and may take long, so this runs on a helper thread.
// clang-format on
#include <unistd.h>
#include <initializer_list>

#include "linux/device.h"
#include "linux/families.h"
#include "linux/parse/sensor.h"
#include "linux/pi_firmware.h"
#include "port/platform.h"

namespace tripline {

namespace {

constexpr uint64_t kLately = 2 * kSecond;  // how long a count that has grown means "now"
constexpr uint32_t kMostCpus = 8192;       // as many as Linux can be built for

// The last counts of one CPU; -1 if they have not been read.
struct Counts {
  int64_t core = -1, package = -1;
};

// Files are opened for each read and not kept open: a large machine has a thousand of them, CPUs come and go, and the
// numbers of cooling devices change.
class ThrottledProbe final : public Probe {
 public:
  bool Open(Failure* why) {
    cpus_.Set(roots_.sys.get(), "/devices/system/cpu");
    coolers_.Set(roots_.sys.get(), "/class/thermal");
    if (firmware_.Find(roots_)) {
      origin_.Set(firmware_.path());
    } else if (HasCounts() || HasCooler()) {
      origin_.Set(device_.path());
    } else {
      why->Set(
          "nothing here reports throttling: no Raspberry Pi firmware, thermal_throttle counts or CPU cooling device");
      return false;
    }
    return true;
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    known_ = on_ = false;
    failure_.Clear();
    if (firmware_.found()) ReadFirmware();
    ReadCounts(now);
    ReadCoolers();
    if (!known_) {
      if (!failure_.failed()) failure_.Set("what reported throttling is gone");
      return SetUnavailable(wanted, failure_, out);
    }
    if (Wants(wanted, Metric::kThrottled)) out->SetLevel(Metric::kThrottled, on_ ? 1 : 0);
  }

  const char* Origin(Metric) const override { return origin_.get(); }
  bool blocking() const override { return true; }

 private:
  // The result of one source. The origin is the first source that is on, or else the first one.
  void Judge(bool on, const char* path) {
    if (!known_ || (on && !on_)) origin_.Set(path);
    known_ = true;
    on_ = on_ || on;
  }

  void ReadFirmware() {
    uint64_t bits = 0;
    if (firmware_.Read(&buffer_, &bits, &failure_)) Judge(bits != 0, firmware_.path());
  }

  // ---- counts of x86

  bool HasCounts() {
    for (const uint32_t cpu : NumbersIn(cpus_.get(), "cpu")) {
      SetCpu(cpu);
      if (device_.Has("core_throttle_count") || device_.Has("package_throttle_count")) return true;
    }
    return false;
  }

  void ReadCounts(uint64_t now) {
    for (const uint32_t cpu : NumbersIn(cpus_.get(), "cpu")) {
      if (cpu >= kMostCpus) break;
      while (counts_.size() <= cpu) counts_.push_back(Counts());
      SetCpu(cpu);
      ReadCount(now, "core_throttle_count", &counts_[cpu].core);
      ReadCount(now, "package_throttle_count", &counts_[cpu].package);
    }
    if (grown_at_ != 0 && now - grown_at_ < kLately) Judge(true, grown_.get());
  }

  void ReadCount(uint64_t now, const char* file, int64_t* last) {
    int64_t count = 0;
    if (!device_.ReadInteger(file, &count)) return;
    Judge(false, device_.PathOf(file));
    if (*last >= 0 && count > *last) {
      grown_at_ = now;
      grown_.Set(device_.PathOf(file));
    }
    *last = count;
  }

  void SetCpu(uint32_t cpu) {
    device_.SetNumbered(cpus_.get(), "cpu", cpu);
    device_.Descend("/thermal_throttle");
  }

  // ---- cooling devices

  bool HasCooler() {
    for (const uint32_t number : NumbersIn(coolers_.get(), "cooling_device")) {
      if (SetCooler(number)) return true;
    }
    return false;
  }

  void ReadCoolers() {
    for (const uint32_t number : NumbersIn(coolers_.get(), "cooling_device")) {
      int64_t state = 0;
      if (SetCooler(number) && device_.ReadInteger("cur_state", &state)) Judge(state > 0, device_.PathOf("cur_state"));
    }
  }

  bool SetCooler(uint32_t number) {
    device_.SetNumbered(coolers_.get(), "cooling_device", number);
    Span type;
    return device_.ReadLine("type", &type) && IsCpuCooler(type);
  }

  const Roots roots_;
  PiFirmware firmware_;
  Text cpus_, coolers_;
  Device device_;
  Buffer buffer_;        // of our own: Read() runs beside the sampling thread
  List<Counts> counts_;  // by the number of the CPU
  uint64_t grown_at_ = 0;
  Text grown_;
  bool known_ = false, on_ = false;
  Text origin_;
  Failure failure_;
};

}  // namespace

Probe* MakeThrottledProbe(Failure* why) { return OpenProbe<ThrottledProbe>(why); }

}  // namespace tripline
