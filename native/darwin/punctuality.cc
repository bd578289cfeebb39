// Scheduling requests on macOS. A real-time thread must state there how much time it needs in every period, which a
// thread that serves many tickers cannot.
#include "port/platform.h"

namespace tripline {

Punctuality ObtainedPunctuality() { return Punctuality{}; }

bool SetRealTime(bool on) { return !on; }

}  // namespace tripline
