// What threads of POSIX leave to the OS.
#pragma once

namespace tripline {

// Names the calling thread, in debuggers and lists of threads. At most 15 bytes count.
void NameThread(const char* name);

}  // namespace tripline
