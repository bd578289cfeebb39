// What the scheduler can be asked for on macOS beyond a fair share. Real-time threads there must state how much time
// they need of every period, which a thread of many tickers cannot.
#include "port/platform.h"

namespace tripline {

Punctuality ObtainedPunctuality() { return Punctuality{}; }

bool SetRealTime(bool on) { return !on; }

}  // namespace tripline
