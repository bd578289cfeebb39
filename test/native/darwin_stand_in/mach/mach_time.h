// The part of macOS's <mach/mach_time.h> that native/darwin/ uses: here, ticks are nanoseconds.
#pragma once
#include <cstdint>

struct mach_timebase_info_data_t {
  uint32_t numer, denom;
};

inline int mach_timebase_info(mach_timebase_info_data_t* info) {
  *info = {1, 1};
  return 0;
}
