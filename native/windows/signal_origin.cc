// Signals by their senders: Windows has neither.
#include "port/spawn.h"

namespace tripline {

bool TakeSent(int) { return false; }

}  // namespace tripline
