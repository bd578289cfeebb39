// The metrics by number, and the rows of metrics.def.
#pragma once

#include <cstdint>

namespace tripline {

enum class Metric : uint8_t {
#define METRIC(id, ...) k##id,
#include "port/metrics.def"
#undef METRIC
  kCount
};

constexpr uint32_t kMetricCount = static_cast<uint32_t>(Metric::kCount);

enum Kind : uint8_t { kLevel, kRatio, kRate };
enum Worse : uint8_t { kAbove, kBelow };

// Metrics of one family and the same selector share a probe.
enum class Family : uint8_t {
  kCpu,
  kCpuCore,
  kLoad,
  kMemory,
  kPressure,
  kDisk,
  kDiskIo,
  kNetwork,
  kTemperature,
  kThrottled,
  kPower,
  kProcess,
  kGpu,
  kOomKills,
  kPids,
  kSockets,
  kUndervoltage,
  kLoop,  // of the event loop: sampler/loop.cc, on every system
};

// What distinguishes one series of a metric from another.
enum class Scope : uint8_t {
  kMachine,      // nothing: there is one series
  kGroup,        // the machine, or "group" for this process's control group
  kPath,         // a path on a file system
  kInterface,    // a network interface
  kZone,         // the type of a thermal zone
  kGpu,          // a GPU
  kProcess,      // a process id, alone or with its descendants
  kGuard,        // the guard or reader: each counts from its own creation
  kEnvironment,  // the JavaScript environment that asks
};

// A set of systems.
enum Systems : uint8_t { kLinux = 1, kMacos = 2, kWindows = 4, kEverywhere = kLinux | kMacos | kWindows };

struct MetricInfo {
  char name[22];  // arrays, because each pointer would cost a relocation in the release binary
  char unit[8];
  Kind kind;
  Worse worse;
  Family family;
  Scope scope;
  uint8_t systems;
  uint16_t min_period_ms;
  uint16_t window_ms;
};

// Defined in metrics.cc.
extern const MetricInfo kMetrics[kMetricCount];

inline const MetricInfo& InfoOf(Metric metric) { return kMetrics[static_cast<uint32_t>(metric)]; }

// A set of metrics, one bit each.
using MetricMask = uint64_t;
static_assert(kMetricCount <= 64, "MetricMask has one bit per metric");

constexpr MetricMask MaskOf(Metric metric) { return MetricMask{1} << static_cast<uint32_t>(metric); }

// The number of the first metric in a mask that is not empty.
inline uint32_t LowestOf(MetricMask mask) {
#if defined(_MSC_VER) && !defined(__clang__)
  uint32_t number = 0;
  while ((mask >> number & 1) == 0) number++;
  return number;
#else
  return static_cast<uint32_t>(__builtin_ctzll(mask));
#endif
}

}  // namespace tripline
