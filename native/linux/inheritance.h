// What a forked process gets from one with many threads, and must not keep. System calls only.
#pragma once

#include <cstdint>

namespace tripline {

// Closes all descriptors but these, which are sorted on the way.
void CloseAllBut(int* kept, uint32_t count);

// Lets go of the memory that the other process is free to change: what it writes to would otherwise exist twice for as
// long as we live. Only our own stack, static data and code can be used afterwards.
void DropMemory();

}  // namespace tripline
