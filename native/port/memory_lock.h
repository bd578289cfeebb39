// Locks pages in memory, so that they stay when the machine or a control group runs out of it. The system reclaims code
// pages first, because it can read them from their file again: the sampling thread would wait for the disk just when
// it has something to report. Implemented by each OS folder.
#pragma once

#include <cstddef>

#include "port/probe.h"

namespace tripline {

struct MemoryRange {
  const void* start = nullptr;
  size_t size = 0;
};

// The memory range that this library itself is mapped to.
MemoryRange OwnImage();

// The part of the calling thread's stack that the sampling thread uses. `frame` is a variable of the thread's first
// function.
MemoryRange OwnStack(const void* frame);

// Locks the pages of `range` in memory. Where the system supports it, a page is locked only once it is used. Returns
// false with the reason in `why`, for example when a limit of the system does not allow it.
bool LockMemory(MemoryRange range, Failure* why);
void UnlockMemory(MemoryRange range);

}  // namespace tripline
