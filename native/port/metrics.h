// The metrics by number, and what metrics.def says of each.
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

struct MetricInfo {
  char name[22];  // arrays, because each pointer would cost a relocation in the release binary
  char unit[8];
  Kind kind;
  Worse worse;
  uint32_t min_period_ms;
  uint32_t window_ms;
  uint32_t for_ms;
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
