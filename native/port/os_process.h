// What POSIX does not standardize about processes, and the names of threads. Implemented by the OS folders of POSIX
// systems, for native/posix. All but NameThread() are system calls only (posix/bare.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace tripline {

// Opens a pair of sockets that a command does not inherit. When one end is closed, also by the death of its process,
// the other reads the end of the stream. Messages of SendMessage() arrive in order and are never interleaved.
bool OpenSocketPair(int* ends);

// Sends without raising SIGPIPE when the other end is gone. Returns what send() returns. `wait`: blocks while there is
// no room; without it, the call fails with EAGAIN.
ptrdiff_t SendMessage(int end, const void* message, size_t size, bool wait);

// Opens what connects a stream of a command with this process, closed by exec: a pipe, the end for reading first, or a
// pair of stream sockets where both ends write.
bool OpenStream(bool both, int* ends);

// Makes the calling process the parent of every orphan below it where the system can do that; elsewhere the scanner
// finds the orphans. False with errno where it is refused. Also sets the name of the process in process lists where
// that is possible.
bool HoldOrphans();

// A descriptor that becomes readable when a child has ended, even if a debugger keeps that from its parent; -1 where the
// system has none.
int WatchEnd(int32_t pid);
// The status of such a child, as waitpid() would return it. False where it cannot be read.
bool ReadEnd(int32_t pid, int* status);

// Makes the calling process die with its parent where the system can do that.
void DieWithParent();

// Forks a process that calls `become`, which calls exec or _exit and never returns. Returns its pid, or -1 with errno.
// The child may share the memory of the caller, which is suspended until the child calls exec or _exit.
int32_t ForkForExec(void (*become)(const void* argument), const void* argument);

// Sets the name of the calling thread in debuggers and thread lists. At most 15 bytes are used.
void NameThread(const char* name);

}  // namespace tripline
