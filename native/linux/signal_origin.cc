// Whether a process has sent a signal, as opposed to the terminal.
#include "port/spawn.h"
#include "posix/signal_count.h"

namespace tripline {

bool TakeSent(int signal) {
  SignalCount* count = CountSignal(signal);
  return count != nullptr && __atomic_exchange_n(&count->sent, 0, __ATOMIC_RELAXED) != 0;
}

}  // namespace tripline
