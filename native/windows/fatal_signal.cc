// Fatal signals: Windows has none.
#include "port/fatal_signal.h"

namespace tripline {

void WatchFatalSignals(void (*)(int, const char*)) {}

void UnwatchFatalSignals() {}

}  // namespace tripline
