// What a GPU says of itself, which of several GPUs decides, and NVIDIA's management library (NVML), which says it for
// NVIDIA's. The library is opened at run time, by the OS folder and on a helper thread: most machines do not have it.
#pragma once

#include <cstdint>

#include "port/probe.h"

namespace tripline {

// The answers of all GPUs that count, brought down to one per metric: the busiest, the least memory, the hottest.
class GpuSummary {
 public:
  void AddValue(Metric metric, double value, const char* origin);
  // This GPU never says it; the others may.
  void AddAbsent(Metric metric, const char* why);
  // It should have said it: what the others say could hide that it is the one in trouble.
  void AddFailure(Metric metric, const Failure& why);

  // Every metric of `wanted` that is one of the three.
  void Write(MetricMask wanted, Readings* out) const;
  // Where the value of `metric` was read; empty where there is none.
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

// Whether the value can be true: drivers and libraries report nonsense while a GPU sleeps, resets or is lost.
bool IsPlausibleOfGpu(Metric metric, double value);

// One user of the library. It is never closed: another thread may be inside it, for ever where the driver hangs.
class Nvml {
 public:
  // How an OS opens the library, and finds a function in it; nullptr where it cannot.
  struct System {
    void* (*open)(Failure* why);
    void* (*find)(void* library, const char* name);
  };

  explicit Nvml(const System& system) : system_(system) {}

  // Opens and starts the library with the first call that succeeds. `some_asleep`: without waking all GPUs.
  bool Start(bool some_asleep, Failure* why);

  // These need Start(). A device that is not found is nullptr, with why.
  bool Count(uint32_t* count, Failure* why) const;
  void* FindByAddress(const char* address, Failure* why) const;
  void* FindByIndex(uint32_t index, Failure* why) const;

  // Adds what the device says of each metric of `wanted`. `name` is the GPU's, for reasons.
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
