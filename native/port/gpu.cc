#include "port/gpu.h"

#include <cstdio>

namespace tripline {
namespace {

// NVML has kept these names, its structures and its error numbers since 2013.
struct FunctionName {
  char text[40];
};
constexpr FunctionName kNames[] = {
    {"nvmlInit_v2"},
    {"nvmlDeviceGetCount_v2"},
    {"nvmlDeviceGetHandleByPciBusId_v2"},
    {"nvmlDeviceGetHandleByIndex_v2"},
    {"nvmlDeviceGetUtilizationRates"},
    {"nvmlDeviceGetMemoryInfo"},
    {"nvmlDeviceGetTemperature"},
    {"nvmlInitWithFlags"},
};

constexpr int kSuccess = 0;
constexpr int kNotSupported = 3;
constexpr const char* kLibrary = "NVML";

// An explanation for the errors that an operator can fix.
const char* HintOf(int error) {
  switch (error) {
    case kNotSupported: return " (not supported)";
    case 4: return " (no permission)";
    case 6: return " (no such GPU)";
    case 9: return " (the driver is not loaded)";
    case 15: return " (the GPU is lost)";
    case 18: return " (driver and library differ: restart after the update)";
    default: return "";
  }
}

void SetError(const char* call, int error, Failure* why) {
  snprintf(why->text, sizeof(why->text), "%.39s: error %d%s", call, error, HintOf(error));
}

}  // namespace

// ---- which of several GPUs decides

void GpuSummary::AddValue(Metric metric, double value, const char* origin) {
  Answer& answer = answers_[PlaceOf(metric)];
  const bool below = InfoOf(metric).worse == kBelow;
  if (answer.known && (below ? value >= answer.value : value <= answer.value)) return;
  answer.known = true;
  answer.value = value;
  answer.origin = origin;
}

void GpuSummary::AddAbsent(Metric metric, const char* why) {
  Answer& answer = answers_[PlaceOf(metric)];
  if (!answer.failed && !answer.why.failed()) answer.why.Set(why);
}

void GpuSummary::AddFailure(Metric metric, const Failure& why) {
  Answer& answer = answers_[PlaceOf(metric)];
  if (answer.failed) return;
  answer.failed = true;
  answer.why = why;
}

void GpuSummary::Write(MetricMask wanted, Readings* out) const {
  for (uint32_t i = 0; i < kCount; i++) {
    const Metric metric = static_cast<Metric>(static_cast<uint32_t>(Metric::kGpu) + i);
    const Answer& answer = answers_[i];
    if (!Wants(wanted, metric)) continue;
    if (answer.known && !answer.failed) {
      out->SetLevel(metric, answer.value);
    } else {
      SetUnavailable(MaskOf(metric), answer.why, out);
    }
  }
}

bool IsPlausibleOfGpu(Metric metric, double value) {
  switch (metric) {
    case Metric::kGpu: return value >= 0 && value <= 100;
    case Metric::kGpuTemperature: return value >= -40 && value <= 150;
    default: return value >= 0;
  }
}

// ---- NVML

bool Nvml::Bind(Failure* why) {
  void* const library = system_.open(why);
  if (library == nullptr) return false;
  for (uint32_t i = 0; i < kFunctions; i++) {
    functions_[i] = system_.find(library, kNames[i].text);
    if (functions_[i] != nullptr || i == kInitWithFlags) continue;
    snprintf(why->text, sizeof(why->text), "%s has no %.39s (too old?)", kLibrary, kNames[i].text);
    return false;
  }
  return true;
}

bool Nvml::Start(bool some_asleep, Failure* why) {
  if (started_) return true;
  bound_ = bound_ || Bind(why);
  if (!bound_) return false;
  // Starting attaches to every GPU and wakes it, unless this flag is passed (drivers that let a GPU sleep know it).
  constexpr unsigned kNoAttach = 2;
  const bool with_flags = some_asleep && functions_[kInitWithFlags] != nullptr;
  const int error = with_flags ? Call(kInitWithFlags, kNoAttach) : Call(kInit);
  started_ = error == kSuccess;
  if (!started_) SetError(kNames[with_flags ? kInitWithFlags : kInit].text, error, why);
  return started_;
}

bool Nvml::Count(uint32_t* count, Failure* why) const {
  unsigned found = 0;
  const int error = Call(kCount, &found);
  if (error != kSuccess) SetError(kNames[kCount].text, error, why);
  *count = found;
  return error == kSuccess;
}

void* Nvml::FindByAddress(const char* address, Failure* why) const {
  void* device = nullptr;
  const int error = Call(kByAddress, address, &device);
  if (error == kSuccess && device != nullptr) return device;
  SetError(kNames[kByAddress].text, error, why);
  return nullptr;
}

void* Nvml::FindByIndex(uint32_t index, Failure* why) const {
  void* device = nullptr;
  const int error = Call(kByIndex, static_cast<unsigned>(index), &device);
  if (error == kSuccess && device != nullptr) return device;
  SetError(kNames[kByIndex].text, error, why);
  return nullptr;
}

int Nvml::Ask(void* device, Metric metric, double* value) const {
  // Large enough for a newer library whose structures have grown at their ends, and filled with implausible values in
  // case it writes nothing.
  unsigned utilization[16] = {~0u, ~0u};
  unsigned long long memory[16] = {0, ~0ull, 0};  // total, free, used
  unsigned celsius = ~0u;
  int error = kSuccess;
  switch (metric) {
    case Metric::kGpu:
      error = Call(kUtilization, device, utilization + 0);
      *value = utilization[0];
      break;
    case Metric::kGpuMemoryAvailable:
      error = Call(kMemory, device, memory + 0);
      *value = memory[1] > memory[0] ? -1 : static_cast<double>(memory[1]);
      break;
    default:
      error = Call(kTemperature, device, 0u, &celsius);
      *value = celsius;
      break;
  }
  return error;
}

void Nvml::Read(void* device, const char* name, MetricMask wanted, GpuSummary* out) const {
  for (MetricMask left = wanted & kGpuMetrics; left != 0; left &= left - 1) {
    const Metric metric = static_cast<Metric>(LowestOf(left));
    double value = 0;
    const int error = Ask(device, metric, &value);
    Failure why;
    if (error == kSuccess && IsPlausibleOfGpu(metric, value)) {
      out->AddValue(metric, value, kLibrary);
    } else if (error == kNotSupported) {
      snprintf(why.text, sizeof(why.text), "%.40s does not support it, says %s", name, kLibrary);
      out->AddAbsent(metric, why.text);
    } else if (error == kSuccess) {
      snprintf(why.text, sizeof(why.text), "%.40s: not a plausible value from %s: %.0f", name, kLibrary, value);
      out->AddFailure(metric, why);
    } else {
      SetError(name, error, &why);
      out->AddFailure(metric, why);
    }
  }
}

}  // namespace tripline
