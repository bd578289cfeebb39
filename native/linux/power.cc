// battery, power.online: /sys/class/power_supply. Batteries of mice and headsets (scope "Device") are nobody's supply.
// A machine with no battery is on mains, whether or not it says so.
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "linux/families.h"
#include "linux/file.h"
#include "linux/parse/sensor.h"
#include "port/platform.h"

namespace tripline {

namespace {

class PowerProbe final : public Probe {
 public:
  PowerProbe() {
    folder_.Set(roots_.sys.get(), "/class/power_supply");
    // CloseRequest an embedded controller takes long; where there is none the answer is had at once.
    DirectoryReader names(folder_.get());
    while (const char* name = names.Next()) {
      char type[24];
      blocking_ = blocking_ || (ReadWord(name, "type", type, sizeof(type)) && strcmp(type, "Battery") == 0);
    }
  }

  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    Totals totals;
    DirectoryReader names(folder_.get());
    while (const char* name = names.Next()) Add(name, &totals);
    if (Wants(wanted, Metric::kBattery)) {
      if (totals.batteries > 0) {
        out->SetLevel(Metric::kBattery, Charge(totals));
      } else {
        Failure why;
        why.Set("this machine has no battery");
        SetUnavailable(MaskOf(Metric::kBattery), why, out);
      }
    }
    if (Wants(wanted, Metric::kPowerOnline)) {
      const bool on_battery = totals.chargers > 0 ? !totals.online : totals.discharging;
      out->SetLevel(Metric::kPowerOnline, on_battery ? 0 : 1);
    }
  }

  const char* Origin(Metric) const override { return folder_.get(); }
  bool blocking() const override { return blocking_; }

 private:
  struct Totals {
    int chargers = 0;
    bool online = false;
    bool discharging = false;
    int batteries = 0;
    double capacity = 0;  // sum of percentages
    int measured = 0;     // batteries that tell what they hold
    double now = 0, full = 0;
  };

  // Several batteries count by what they hold, where they all tell it.
  static double Charge(const Totals& totals) {
    const bool by_content = totals.measured == totals.batteries && totals.batteries > 1 && totals.full > 0;
    const double percent = by_content ? 100 * totals.now / totals.full : totals.capacity / totals.batteries;
    return percent < 0 ? 0 : percent > 100 ? 100 : percent;
  }

  void Add(const char* name, Totals* totals) {
    char word[24];
    if (ReadWord(name, "scope", word, sizeof(word)) && strcmp(word, "Device") == 0) return;
    if (!ReadWord(name, "type", word, sizeof(word))) return;
    int64_t value = 0;
    if (strcmp(word, "Battery") != 0) {
      if (strcmp(word, "UPS") == 0 || !ReadInteger(name, "online", &value)) return;
      totals->chargers++;
      totals->online = totals->online || value > 0;
      return;
    }
    if (ReadInteger(name, "present", &value) && value == 0) return;
    int64_t capacity = 0, now = 0, full = 0;
    if (!ReadInteger(name, "capacity", &capacity)) return;
    totals->batteries++;
    totals->capacity += static_cast<double>(capacity);
    if ((ReadInteger(name, "energy_now", &now) && ReadInteger(name, "energy_full", &full)) ||
        (ReadInteger(name, "charge_now", &now) && ReadInteger(name, "charge_full", &full))) {
      totals->measured++;
      totals->now += static_cast<double>(now);
      totals->full += static_cast<double>(full);
    }
    if (ReadWord(name, "status", word, sizeof(word)) && strcmp(word, "Discharging") == 0) totals->discharging = true;
  }

  bool ReadFile(const char* supply, const char* leaf) {
    char name[300];
    snprintf(name, sizeof(name), "/%s/%s", supply, leaf);
    file_name_.Set(folder_.get(), name);
    return ReadOnce(file_name_.get(), &buffer_);
  }

  bool ReadWord(const char* supply, const char* leaf, char* out, size_t size) {
    if (!ReadFile(supply, leaf)) return false;
    const Span word = FirstWord(buffer_.data(), buffer_.size);
    if (word.size == 0 || word.size >= size) return false;
    memcpy(out, word.data, word.size);
    out[word.size] = '\0';
    return true;
  }

  bool ReadInteger(const char* supply, const char* leaf, int64_t* out) {
    return ReadFile(supply, leaf) && ParseInteger(buffer_.data(), buffer_.size, out);
  }

  const Roots roots_;
  Text folder_;
  Text file_name_;
  Buffer buffer_;  // of our own: Read() may run beside the sampling thread
  bool blocking_ = false;
};

}  // namespace

Probe* MakePowerProbe(Failure* why) {
  (void)why;
  return new PowerProbe();
}

}  // namespace tripline
