// What POSIX leaves open between processes, and threads' names. Implemented by the OS folders of POSIX systems, for
// native/posix. All but NameThread() are system calls only (posix/bare.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace tripline {

// Two ends that a command does not inherit. An end that is closed, also by the death of its process, is readable as the
// end of the stream at the other. What one SendMessage() sends arrives in order and is never mixed with another.
bool OpenSocketPair(int* ends);

// Sends without SIGPIPE where the other end is gone. Returns what send() does. `wait`: blocks while there is no room,
// or else fails with EAGAIN.
ptrdiff_t SendMessage(int end, const void* message, size_t size, bool wait);

// Makes the calling process the parent of every orphan below it where the system can; the scanner finds them where it
// cannot. Names the process in lists of processes where that is possible.
void HoldOrphans();

// Has the calling process end with its parent where the system can do that.
void DieWithParent();

// Forks a process that calls `become`, which calls exec or _exit and never returns. Returns its pid, or -1 with errno.
// The child may share the memory of the caller, which stands still until then.
int32_t ForkForExec(void (*become)(const void* argument), const void* argument);

// Names the calling thread in debuggers and lists of threads. At most 15 bytes count.
void NameThread(const char* name);

}  // namespace tripline
