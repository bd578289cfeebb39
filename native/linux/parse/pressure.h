// /proc/pressure/* and the *.pressure files of cgroups.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tripline {

struct Pressure {
  uint64_t some = 0;  // microseconds stalled since the start
  uint64_t full = 0;
  bool has_full = false;  // not for cpu before 5.13; always 0 for the system's cpu
};

// False when there is no "some" line.
bool ParsePressure(const char* data, size_t size, Pressure* out);

}  // namespace tripline
