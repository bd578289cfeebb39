// The origin of signals, which macOS does not report.
#include "port/spawn.h"

namespace tripline {

// Always false: a signal from the terminal cannot be distinguished reliably on macOS.
bool TakeSent(int) { return false; }

}  // namespace tripline
