// What a forked process inherits from a multithreaded one and must not keep. Implemented by the OS folders of POSIX
// systems, for native/posix. System calls only (posix/bare.h).
#pragma once

#include <cstdint>

namespace tripline {

// Closes all descriptors but these. They may be in any order; the call sorts the array.
void CloseAllBut(int* kept, uint32_t count);

// Releases the memory that the parent process may still write to: every page it writes would otherwise exist twice for
// as long as the calling process lives. Afterwards the calling process can use only its stack, static data, code and
// new mappings; earlier mappings read as zero. Does nothing where that memory cannot be distinguished from the system's
// own.
void DropMemory();

}  // namespace tripline
