// Units of time: all times are nanoseconds.
#pragma once

#include <cstdint>

namespace tripline {

constexpr uint64_t kMillisecond = 1000000;
constexpr uint64_t kSecond = 1000000000;
constexpr uint64_t kNever = UINT64_MAX;

// Converts through a signed number, because x86-64 has no short conversion for unsigned ones.
constexpr double ToNumber(uint64_t nanoseconds) { return static_cast<double>(static_cast<int64_t>(nanoseconds)); }
constexpr double ToSeconds(uint64_t nanoseconds) { return ToNumber(nanoseconds) / 1e9; }
constexpr double ToMilliseconds(uint64_t nanoseconds) { return ToNumber(nanoseconds) / 1e6; }

}  // namespace tripline
