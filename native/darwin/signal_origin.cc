// Signals by their senders, which macOS does not report.
#include "port/spawn.h"

namespace tripline {

// What the terminal sends cannot be distinguished for certain here.
bool TakeSent(int) { return false; }

}  // namespace tripline
