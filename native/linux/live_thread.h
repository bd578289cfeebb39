// A process whose main thread has ended while others live. The main thread is a zombie then, and its files in /proc say
// nothing about memory and descriptors.
#pragma once

#include <cstdint>

namespace tripline {

// A thread of the process that still has memory; 0 if there is none. Its files under /proc/<pid>/task replace those of
// the main thread.
int64_t FindLiveThread(const char* proc, int64_t pid);

}  // namespace tripline
