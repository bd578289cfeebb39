// What a forked process gets from one with many threads, and must not keep. Implemented by the OS folders of POSIX
// systems, for native/posix. System calls only (posix/bare.h).
#pragma once

#include <cstdint>

namespace tripline {

// Closes all descriptors but these, which may be in any order and are sorted by it.
void CloseAllBut(int* kept, uint32_t count);

// Gives back the memory that the other process is free to change: what it writes to would otherwise exist twice for as
// long as the calling process lives. Afterwards only its stack, static data, code, and what it maps from then on can be
// used; what it has mapped before reads as zero. Does nothing where that memory cannot be distinguished from
// the system's own.
void DropMemory();

}  // namespace tripline
