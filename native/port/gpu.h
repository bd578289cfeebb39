// The figures of GPUs, which of several GPUs decides, and NVIDIA's management library (NVML), which reports them for
// NVIDIA GPUs. The OS folder opens the library at run time and on a helper thread: most machines do not have it.
#pragma once

#include <cstdint>

#include "port/probe.h"

namespace tripline {

// The answers of all GPUs that count, reduced to one per metric: the busiest, the least memory, the hottest.
class GpuSummary {
 public:
  void AddValue(Metric metric, double value, const char* origin);
  // This GPU never reports the metric; other GPUs may.
  void AddAbsent(Metric metric, const char* why);
  // This GPU should have reported the metric. The values of the others could hide that this one is in trouble.
  void AddFailure(Metric metric, const Failure& why);

  // Writes every metric of `wanted` that is one of the three.
  void Write(MetricMask wanted, Readings* out) const;
  // Where the value of `metric` was read; empty where there is no value.
  const char* Origin(Metric metric) const { return answers_[PlaceOf(metric)].origin; }

 private:
  struct Answer {
    bool known = false, failed = false;
    double value = 0;
    const char* origin = "";
    Failure why;
  };
  static uint32_t PlaceOf(Metric metric) { return static_cast<uint32_t>(metric) - static_cast<uint32_t>(Metric::kGpu); }

  static constexpr uint32_t kCount = 3;
  Answer answers_[kCount];
};

constexpr MetricMask kGpuMetrics =
    MaskOf(Metric::kGpu) | MaskOf(Metric::kGpuMemoryAvailable) | MaskOf(Metric::kGpuTemperature);

// Whether the value is plausible: drivers and libraries report nonsense while a GPU sleeps, resets or is lost.
bool IsPlausibleOfGpu(Metric metric, double value);

// One user of the library. The library is never closed: another thread may be inside it, forever if the driver hangs.
class Nvml {
 public:
  // How an OS opens the library and finds a function in it. Both return nullptr on failure.
  struct System {
    void* (*open)(Failure* why);
    void* (*find)(void* library, const char* name);
  };

  explicit Nvml(const System& system) : system_(system) {}

  // Opens and starts the library unless an earlier call has. `some_asleep`: starts it without waking all GPUs.
  bool Start(bool some_asleep, Failure* why);

  // Valid after Start(). A device that is not found is nullptr, and `why` says why.
  bool Count(uint32_t* count, Failure* why) const;
  void* FindByAddress(const char* address, Failure* why) const;
  void* FindByIndex(uint32_t index, Failure* why) const;

  // Adds the device's answer for each metric of `wanted`. `name` is the GPU's name, for failure messages.
  void Read(void* device, const char* name, MetricMask wanted, GpuSummary* out) const;

 private:
  // The last one is optional.
  enum Function : uint8_t {
    kInit,
    kCount,
    kByAddress,
    kByIndex,
    kUtilization,
    kMemory,
    kTemperature,
    kInitWithFlags,
    kFunctions
  };

  template <typename... Arguments>
  int Call(Function function, Arguments... arguments) const {
    return reinterpret_cast<int (*)(Arguments...)>(functions_[function])(arguments...);
  }
  bool Bind(Failure* why);
  int Ask(void* device, Metric metric, double* value) const;

  const System system_;
  void* functions_[kFunctions] = {};
  bool bound_ = false;
  bool started_ = false;
};

}  // namespace tripline
