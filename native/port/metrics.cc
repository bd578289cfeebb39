#include "port/metrics.h"

namespace tripline {

const MetricInfo kMetrics[kMetricCount] = {
#define METRIC(id, name, unit, kind, worse, min_period_ms, window_ms, for_ms, family, scope, systems, description) \
  {name, unit, kind, worse, Family::k##family, Scope::k##scope, systems, min_period_ms, window_ms},
#include "port/metrics.def"
#undef METRIC
};

}  // namespace tripline
