// The origin of signals: Windows has no signals, and so no senders.
#include "port/spawn.h"

namespace tripline {

bool TakeSent(int) { return false; }

}  // namespace tripline
