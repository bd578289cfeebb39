// What a forked process gets from one with many threads, and must not keep. System calls only.
#pragma once

#include <cstdint>

namespace tripline {

// Closes all descriptors but these.
void CloseAllBut(const int* kept, uint32_t count);

// Stays as it is: what could be given back is not told apart from what the system's own libraries still need.
inline void DropMemory() {}

}  // namespace tripline
