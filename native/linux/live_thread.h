// A process whose main thread has ended while others live: the main thread is a zombie, and the files that /proc shows
// of it say nothing of memory and descriptors.
#pragma once

#include <cstdint>

namespace tripline {

// A thread of the process that still has memory; 0 where there is none. Its files under /proc/<pid>/task say what those
// of the main thread would.
int64_t FindLiveThread(const char* proc, int64_t pid);

}  // namespace tripline
