// gpu, gpu.memory.available, gpu.temperature of NVIDIA GPUs, from the library of their driver (port/gpu.h). A GPU is
// named after its number in that library: "gpu0". The counters that Windows keeps for every GPU are not read: they have
// one instance per process and engine, which makes thousands.
#include <cstdlib>

#include "port/gpu.h"
#include "port/platform.h"
#include "windows/families.h"
#include "windows/win.h"

namespace tripline {
namespace {

constexpr const wchar_t kLibrary[] = L"\\nvml.dll";
constexpr uint32_t kAll = ~0u;
constexpr double kDegreesPerSecond = 20;

// The full path of the library: a bare name could refer to a library of the same name that the program has loaded from
// elsewhere.
bool PathOfLibrary(wchar_t (&path)[MAX_PATH + 16]) {
  const UINT size = GetSystemDirectoryW(path, MAX_PATH);
  if (size == 0 || size > MAX_PATH) return false;
  for (size_t i = 0; i < sizeof(kLibrary) / sizeof(kLibrary[0]); i++) path[size + i] = kLibrary[i];
  return true;
}

void* OpenNvml(Failure* why) {
  wchar_t path[MAX_PATH + 16];
  const HMODULE library = PathOfLibrary(path) ? LoadLibraryExW(path, nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32) : nullptr;
  if (library == nullptr) SetWinError("LoadLibrary", "nvml.dll", GetLastError(), "", why);
  return library;
}

void* FindInNvml(void* library, const char* name) {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
}

class GpuProbe final : public Probe {
 public:
  bool Open(const Selector& selector, Failure* why) {
    const char* name = selector.name;
    if (name[0] != '\0') {
      char* end = nullptr;
      const bool numbered = name[0] == 'g' && name[1] == 'p' && name[2] == 'u' && name[3] >= '0' && name[3] <= '9';
      index_ = numbered ? static_cast<uint32_t>(strtoul(name + 3, &end, 10)) : kAll;
      if (!numbered || *end != '\0' || index_ == kAll) {
        why->Set("no such GPU; they are named gpu0, gpu1, ...");
        return false;
      }
    }
    wchar_t path[MAX_PATH + 16];
    if (PathOfLibrary(path) && GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES) return true;
    why->Set("no NVIDIA driver (nvml.dll in System32), and other GPUs are not read on Windows");
    return false;
  }

  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    summary_ = GpuSummary();
    Failure why;
    uint32_t count = 0;
    if (!nvml_.Start(false, &why) || !nvml_.Count(&count, &why)) return SetUnavailable(wanted, why, out);
    if (count == 0 || (index_ != kAll && index_ >= count)) {
      Message message;
      message.Add("no such GPU; there are ").Add(uint64_t{count}).Add(", named from gpu0 on");
      why.Set(message.get());
      return SetUnavailable(wanted, why, out);
    }
    for (uint32_t i = 0; i < count; i++) {
      if (index_ != kAll && index_ != i) continue;
      FixedText<16> name;
      name.Add("gpu").Add(uint64_t{i});
      void* const device = nvml_.FindByIndex(i, &why);
      if (device == nullptr) return SetUnavailable(wanted, why, out);
      nvml_.Read(device, name.get(), wanted, &summary_);
    }
    summary_.Write(wanted, out);
  }

  const char* Origin(Metric metric) const override { return summary_.Origin(metric); }
  double MaxSlope(Metric metric) const override { return metric == Metric::kGpuTemperature ? kDegreesPerSecond : 0; }
  bool blocking() const override { return true; }

 private:
  uint32_t index_ = kAll;
  Nvml nvml_{Nvml::System{OpenNvml, FindInNvml}};
  GpuSummary summary_;
};

}  // namespace

Probe* MakeGpuProbe(const Selector& selector, Failure* why) { return OpenProbe<GpuProbe>(selector, why); }

}  // namespace tripline
