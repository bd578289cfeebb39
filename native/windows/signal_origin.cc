// The origin of signals: Windows has no signals, and so no senders.
#include "port/spawn.h"

namespace tripline {

bool TakeSent(int) { return false; }

const int32_t* SignalsReceived(int) { return nullptr; }

}  // namespace tripline
