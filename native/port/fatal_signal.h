// Notices the signals by which the process is about to end. Implemented by each OS folder; native/posix serves Linux
// and macOS.
#pragma once

namespace tripline {

// Calls `note` with the number and name of a signal that nothing handles, before that ends the process as ever. `note`
// runs in a signal handler. Signals whose listener has been removed since the last call are included.
void WatchFatalSignals(void (*note)(int signal, const char* name));

// Leaves all signals as they were.
void UnwatchFatalSignals();

}  // namespace tripline
