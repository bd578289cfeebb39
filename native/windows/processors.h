// The times of each processor in this process's processor group.
#pragma once

#include <cstdint>

#include "windows/convert.h"

namespace tripline {

constexpr uint32_t kMostProcessors = 64;  // the size of a processor group, to which an affinity mask applies

// False where the system has no such call, or reports more processors than a group can have.
bool ReadProcessors(windows::CpuTicks (&times)[kMostProcessors], uint32_t* count);

}  // namespace tripline
