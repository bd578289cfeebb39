// Memory that stays where it is when the machine, or a control group, runs out of it. What is reclaimed first then is
// code, page by page, because it can be read from its file again: the sampling thread would wait for the disk just when
// it has something to report. Implemented by each OS folder.
#pragma once

#include <cstddef>

#include "port/probe.h"

namespace tripline {

struct MemoryRange {
  const void* start = nullptr;
  size_t size = 0;
};

// What this library itself is mapped to.
MemoryRange OwnImage();

// As much of the calling thread's stack as the sampling thread uses; `frame` is a variable of its first function.
MemoryRange OwnStack(const void* frame);

// Keeps the pages that the range touches in memory: where the system can, only those that are in use, each from its
// first use on. False with why, as where a limit of the system does not allow it.
bool LockMemory(MemoryRange range, Failure* why);
void UnlockMemory(MemoryRange range);

}  // namespace tripline
