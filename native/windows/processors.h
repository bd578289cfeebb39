// The times of the single processors of this process's group.
#pragma once

#include <cstdint>

#include "windows/convert.h"

namespace tripline {

constexpr uint32_t kMostProcessors = 64;  // of one group, which is what an affinity mask is about

// False where the system has no such call, or more processors than a group has.
bool ReadProcessors(windows::CpuTicks (&times)[kMostProcessors], uint32_t* count);

}  // namespace tripline
