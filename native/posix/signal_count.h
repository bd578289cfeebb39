// Counts signals as they arrive, in front of the handlers that the process already has.
#pragma once

#include <cstdint>

namespace tripline {

struct SignalCount {
  int32_t received;  // all of them
  uint32_t sent;     // by other processes, as opposed to the terminal
};

// The count of `signal`, which begins with the first call that finds a handler installed. Any handler that has been
// installed since is counted in front of, too. nullptr for a number that is not a signal.
SignalCount* CountSignal(int signal);

}  // namespace tripline
