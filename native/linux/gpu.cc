// gpu, gpu.memory.available, gpu.temperature. The drivers of AMD's GPUs and of NVIDIA's Tegra boards write them to
// sysfs; NVIDIA's other driver has a library for them (port/gpu.h).
//   /sys/class/drm/card<N>/device/gpu_busy_percent, mem_info_vram_total, mem_info_vram_used, hwmon/hwmon*/temp1_input
//   /sys/class/devfreq/<name>/device/load, in thousandths
// A driver may answer late or, if its GPU has crashed, never. A helper thread therefore does all of this.
//
// A GPU that its driver has put to sleep is left asleep. Nearly every query wakes it, which takes a second and ten
// watts, and a laptop's GPU would never sleep. Reading power/runtime_status does not wake it, so that is read first.
#include <dlfcn.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "linux/device.h"
#include "linux/families.h"
#include "linux/parse/sensor.h"
#include "port/gpu.h"
#include "port/platform.h"

namespace tripline {
namespace {

// Interval between checks for GPUs: one may be plugged in, or be given to another driver.
constexpr uint64_t kLookEvery = 10 * kSecond;
constexpr double kDegreesPerSecond = 20;

void* OpenNvml(Failure* why) {
  void* const library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) why->Set("libnvidia-ml.so.1 of NVIDIA's driver cannot be opened");
  return library;
}

void* FindInNvml(void* library, const char* name) { return dlsym(library, name); }

struct Gpu {
  enum Kind : uint8_t { kSilent, kAmd, kTegra, kNvidia };

  Kind kind = kSilent;
  uint32_t index = 0;     // among NVIDIA's GPUs
  char name[40] = "";     // "card1"; without a card the PCI address, or the name of a platform device
  char address[24] = "";  // on the PCI bus: "0000:01:00.0"; empty where it is not known
  char driver[24] = "";
  void* handle = nullptr;  // NVML's
  Text folder;
  Text busy, total, used, temperature;  // files
  bool in_thousandths = false;          // of a degree

  bool IsNamed(const char* text) const { return strcmp(name, text) == 0 || strcmp(address, text) == 0; }
};

class GpuProbe final : public Probe {
 public:
  bool Open(const Selector& selector, Failure* why) {
    selected_.Set(selector.name);
    Look();
    return IsReadable(why);
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    summary_ = GpuSummary();
    if (now >= look_at_) {
      if (look_at_ != 0) Look();
      look_at_ = now + kLookEvery;
    }
    Failure why;
    if (!IsReadable(&why)) return SetUnavailable(wanted, why, out);
    for (const auto& gpu : gpus_) {
      if (IsSelected(*gpu)) ReadGpu(gpu.get(), wanted);
    }
    if (unlisted_) ReadUnlisted(wanted);
    summary_.Write(wanted, out);
  }

  const char* Origin(Metric metric) const override { return summary_.Origin(metric); }
  double MaxSlope(Metric metric) const override { return metric == Metric::kGpuTemperature ? kDegreesPerSecond : 0; }
  bool blocking() const override { return true; }

 private:
  bool IsSelected(const Gpu& gpu) const { return selected_.empty() || gpu.IsNamed(selected_.get()); }

  // ---- which GPUs there are

  void Look() {
    gpus_.clear();
    AddCards();
    AddPci();
    AddTegra();
    uint32_t nvidia = 0;
    for (const auto& gpu : gpus_) {
      if (gpu->kind == Gpu::kNvidia) gpu->index = nvidia++;
    }
    unlisted_ = nvidia == 0 && HasNvidiaDriver();
  }

  // False with `why` if nothing can be read: there is no GPU, none of that name, or none whose driver reports anything.
  bool IsReadable(Failure* why) const {
    FixedText<96> seen;
    bool selected = false;
    for (const auto& gpu : gpus_) {
      if (IsSelected(*gpu)) {
        if (gpu->kind != Gpu::kSilent) return true;
        selected = true;
      }
      seen.Add(seen.size() > 0 ? ", " : "").Add(gpu->name);
      seen.Add(" (").Add(gpu->driver[0] != '\0' ? gpu->driver : "no driver").Add(")");
    }
    if (unlisted_ && (selected_.empty() || strncmp(selected_.get(), "gpu", 3) == 0)) return true;
    if (gpus_.empty()) {
      why->Set("no GPU in /sys/class/drm, /sys/bus/pci, /sys/class/devfreq");
    } else if (selected) {
      snprintf(why->text, sizeof(why->text), "no GPU whose driver says how busy it is: %s", seen.get());
    } else {
      snprintf(why->text, sizeof(why->text), "no GPU \"%.24s\"; there is %s", selected_.get(), seen.get());
    }
    return false;
  }

  void AddCards() {
    Text folder;
    folder.Set(roots_.sys.get(), "/class/drm");
    // The cards' connectors are listed next to them: card0-HDMI-A-1.
    for (const uint32_t number : NumbersIn(folder.get(), "card")) {
      FixedText<40> name;
      name.Add("card").Add(uint64_t{number});
      device_.SetPath(folder.get(), "/", name.get(), "/device");
      Gpu* gpu = Add(name.get());
      // The address is the last part of the folder's link target.
      ReadLastName(gpu->folder.get(), gpu->address, sizeof(gpu->address));
      if (strchr(gpu->address, ':') == nullptr) gpu->address[0] = '\0';
      if (device_.Has("gpu_busy_percent")) {
        gpu->kind = Gpu::kAmd;
        gpu->busy.Set(device_.PathOf("gpu_busy_percent"));
        gpu->total.Set(device_.PathOf("mem_info_vram_total"));
        gpu->used.Set(device_.PathOf("mem_info_vram_used"));
        FindHwmon(gpu);
      } else if (IsNvidia(*gpu)) {
        gpu->kind = Gpu::kNvidia;
      }
    }
  }

  // NVIDIA's driver makes a card only for a GPU that drives screens.
  void AddPci() {
    Text folder;
    folder.Set(roots_.sys.get(), "/bus/pci/devices");
    DirectoryReader addresses(folder.get());
    while (const char* address = addresses.Next()) {
      device_.SetPath(folder.get(), "/", address);
      Span kind;
      // Display controllers only: the same board has a sound device as well.
      if (IsKnown(address) || !device_.ReadLine("class", &kind) || !kind.StartsWith("0x03") || !IsVendorNvidia())
        continue;
      Gpu* gpu = Add(address);
      snprintf(gpu->address, sizeof(gpu->address), "%.23s", address);
      if (IsNvidia(*gpu)) gpu->kind = Gpu::kNvidia;
    }
  }

  // Among all devices with a governed frequency, only the GPUs of Tegra boards have a load.
  void AddTegra() {
    Text folder;
    folder.Set(roots_.sys.get(), "/class/devfreq");
    bool found = false;
    DirectoryReader names(folder.get());
    while (const char* name = names.Next()) {
      device_.SetPath(folder.get(), "/", name, "/device");
      found = AddTegraDevice(name) || found;
    }
    // Kernels up to 4.9 of Tegra boards.
    device_.SetPath(roots_.sys.get(), "/devices/gpu.0");
    if (!found) AddTegraDevice("gpu.0");
  }

  bool AddTegraDevice(const char* name) {
    if (!device_.Has("load")) return false;
    Gpu* gpu = Add(name);
    gpu->kind = Gpu::kTegra;
    gpu->busy.Set(device_.PathOf("load"));
    // The zone is called GPU-therm, gpu-therm or gpu-thermal.
    Text folder;
    folder.Set(roots_.sys.get(), "/class/thermal");
    DirectoryReader zones(folder.get());
    while (const char* zone = zones.Next()) {
      device_.SetPath(folder.get(), "/", zone);
      Span type;
      if (!device_.ReadLine("type", &type) || type.size < 3 || !IsSameName({type.data, 3}, "gpu")) continue;
      gpu->temperature.Set(device_.PathOf("temp"));
      break;
    }
    return true;
  }

  // Adds the GPU whose directory is `device_`.
  Gpu* Add(const char* name) {
    gpus_.push_back(std::unique_ptr<Gpu>(new Gpu()));
    Gpu* gpu = gpus_.back().get();
    snprintf(gpu->name, sizeof(gpu->name), "%.39s", name);
    gpu->folder.Set(device_.path());
    ReadLastName(device_.PathOf("driver"), gpu->driver, sizeof(gpu->driver));
    return gpu;
  }

  bool IsKnown(const char* address) const {
    for (const auto& gpu : gpus_) {
      if (strcmp(gpu->address, address) == 0) return true;
    }
    return false;
  }

  // The last part of a link's target; empty if there is no link or no room.
  static void ReadLastName(const char* link, char* out, size_t size) {
    char target[256];
    const ssize_t length = readlink(link, target, sizeof(target) - 1);
    target[length < 0 ? 0 : length] = '\0';
    const char* slash = strrchr(target, '/');
    const char* last = slash == nullptr ? target : slash + 1;
    const bool fits = strlen(last) < size;
    memcpy(out, fits ? last : "", fits ? strlen(last) + 1 : 1);
  }

  bool IsVendorNvidia() { return device_.Says("vendor", "0x10de"); }

  // Skipped if another driver has the GPU: nouveau, or vfio-pci for a guest.
  bool IsNvidia(const Gpu& gpu) {
    return IsVendorNvidia() && (gpu.driver[0] == '\0' || strcmp(gpu.driver, "nvidia") == 0);
  }

  // The first input is the edge of the chip, which every generation has.
  void FindHwmon(Gpu* gpu) {
    Text folder;
    folder.Set(gpu->folder.get(), "/hwmon");
    for (const uint32_t number : NumbersIn(folder.get(), "hwmon")) {
      device_.SetNumbered(folder.get(), "hwmon", number);
      if (device_.Has("temp1_input")) return gpu->temperature.Set(device_.PathOf("temp1_input"));
    }
  }

  // The bus does not show the GPU although the driver is loaded: in WSL, and in some containers.
  bool HasNvidiaDriver() const {
    Text version;
    version.Set(roots_.proc.get(), "/driver/nvidia/version");
    if (access(version.get(), F_OK) == 0) return true;
    return !roots_.other_proc && (access("/dev/nvidiactl", F_OK) == 0 || access("/dev/dxg", F_OK) == 0);
  }

  // ---- what one says

  void ReadGpu(Gpu* gpu, MetricMask wanted) {
    if (gpu->kind == Gpu::kSilent) return;
    if (IsAsleep(*gpu)) return AddAsleep(*gpu, wanted);
    if (gpu->kind == Gpu::kNvidia) return ReadNvidia(gpu, wanted);
    double value = 0;
    if (Wants(wanted, Metric::kGpu) && ReadNumber(*gpu, gpu->busy, Metric::kGpu, &value)) {
      Report(*gpu, Metric::kGpu, gpu->kind == Gpu::kTegra ? value / 10 : value, gpu->busy);
    }
    if (Wants(wanted, Metric::kGpuTemperature)) {
      if (gpu->temperature.empty()) {
        summary_.AddAbsent(Metric::kGpuTemperature, "the GPU's driver shows no temperature");
      } else if (ReadNumber(*gpu, gpu->temperature, Metric::kGpuTemperature, &value)) {
        // Kernels of vendors may write whole degrees.
        ParseTemperature(buffer_.data(), buffer_.size, &gpu->in_thousandths, &value);
        Report(*gpu, Metric::kGpuTemperature, value, gpu->temperature);
      }
    }
    if (!Wants(wanted, Metric::kGpuMemoryAvailable)) return;
    double total = 0;
    if (gpu->kind == Gpu::kTegra) {
      summary_.AddAbsent(Metric::kGpuMemoryAvailable, "the GPU has no memory of its own: see memory.available");
    } else if (ReadNumber(*gpu, gpu->total, Metric::kGpuMemoryAvailable, &total) &&
               ReadNumber(*gpu, gpu->used, Metric::kGpuMemoryAvailable, &value)) {
      Report(*gpu, Metric::kGpuMemoryAvailable, total - value, gpu->used);
    }
  }

  bool IsAsleep(const Gpu& gpu) {
    device_.SetPath(gpu.folder.get());
    Span status;
    return device_.ReadLine("power/runtime_status", &status) && status.StartsWith("suspend");
  }

  bool ReadNumber(const Gpu& gpu, const Text& file, Metric metric, double* value) {
    Failure why;
    int64_t number = 0;
    if (ReadOnce(file.get(), &buffer_)) {
      if (ParseInteger(buffer_.data(), buffer_.size, &number)) {
        *value = static_cast<double>(number);
        return true;
      }
      snprintf(why.text, sizeof(why.text), "%.100s: not a number", file.get());
      summary_.AddFailure(metric, why);
      return false;
    }
    const int error = errno;
    why.SetErrno("read", file.get(), error, "");
    if (error == ENOENT) {
      summary_.AddAbsent(metric, why.text);
    } else if (IsAsleep(gpu)) {
      AddAsleep(gpu, MaskOf(metric));  // it has fallen asleep meanwhile
    } else {
      summary_.AddFailure(metric, why);
    }
    return false;
  }

  void Report(const Gpu& gpu, Metric metric, double value, const Text& file) {
    if (IsPlausibleOfGpu(metric, value)) return summary_.AddValue(metric, value, file.get());
    Failure why;
    snprintf(why.text, sizeof(why.text), "%s: not a plausible value: %.0f", gpu.name, value);
    summary_.AddFailure(metric, why);
  }

  void AddAsleep(const Gpu& gpu, MetricMask wanted) {
    Failure why;
    snprintf(why.text, sizeof(why.text), "%s is asleep (runtime_status says suspended) and left so", gpu.name);
    for (MetricMask left = wanted; left != 0; left &= left - 1) {
      summary_.AddAbsent(static_cast<Metric>(LowestOf(left)), why.text);
    }
  }

  void AddFailure(const Failure& why, MetricMask wanted) {
    for (MetricMask left = wanted; left != 0; left &= left - 1) {
      summary_.AddFailure(static_cast<Metric>(LowestOf(left)), why);
    }
  }

  // ---- NVIDIA's library

  bool StartNvml(Failure* why) {
    bool asleep = false;
    for (const auto& gpu : gpus_) asleep = asleep || (gpu->kind == Gpu::kNvidia && IsAsleep(*gpu));
    return nvml_.Start(asleep, why);
  }

  void ReadNvidia(Gpu* gpu, MetricMask wanted) {
    Failure why;
    if (gpu->handle == nullptr && StartNvml(&why)) {
      const bool known = gpu->address[0] != '\0';
      gpu->handle = known ? nvml_.FindByAddress(gpu->address, &why) : nvml_.FindByIndex(gpu->index, &why);
    }
    if (gpu->handle == nullptr) return AddFailure(why, wanted);
    nvml_.Read(gpu->handle, gpu->name, wanted, &summary_);
  }

  // All GPUs that the library knows, if the bus shows none of them.
  void ReadUnlisted(MetricMask wanted) {
    Failure why;
    uint32_t count = 0;
    if (!StartNvml(&why) || !nvml_.Count(&count, &why)) return AddFailure(why, wanted);
    bool found = false;
    for (uint32_t i = 0; i < count && !why.failed(); i++) {
      FixedText<16> name;
      name.Add("gpu").Add(uint64_t{i});
      if (!selected_.empty() && strcmp(name.get(), selected_.get()) != 0) continue;
      found = true;
      void* const handle = nvml_.FindByIndex(i, &why);
      if (handle != nullptr) nvml_.Read(handle, name.get(), wanted, &summary_);
    }
    if (!found) snprintf(why.text, sizeof(why.text), "no such GPU; NVML knows %u, named from gpu0 on", count);
    if (why.failed()) AddFailure(why, wanted);
  }

  const Roots roots_;
  Device device_;
  Buffer buffer_;
  Text selected_;
  List<std::unique_ptr<Gpu>> gpus_;
  Nvml nvml_{Nvml::System{OpenNvml, FindInNvml}};
  GpuSummary summary_;
  bool unlisted_ = false;
  uint64_t look_at_ = 0;
};

}  // namespace

Probe* MakeGpuProbe(const Selector& selector, Failure* why) { return OpenProbe<GpuProbe>(selector, why); }

}  // namespace tripline
