// Units of time: all times are nanoseconds.
#pragma once

#include <cstdint>

namespace tripline {

constexpr uint64_t kMillisecond = 1000000;
constexpr uint64_t kSecond = 1000000000;
constexpr uint64_t kNever = UINT64_MAX;

constexpr double ToSeconds(uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

}  // namespace tripline
