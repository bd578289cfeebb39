#include "linux/affinity.h"

#include <sched.h>
#include <unistd.h>
#include <cstring>

namespace tripline {

bool Affinity::Read() {
  memset(mask_, 0, sizeof(mask_));
  // The main thread's affinity; that of the sampling thread says nothing about the program.
  known_ = sched_getaffinity(getpid(), sizeof(mask_), reinterpret_cast<cpu_set_t*>(mask_)) == 0;
  return known_;
}

}  // namespace tripline
