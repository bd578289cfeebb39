// The number of online CPUs: no process can use more.
#pragma once

#include "linux/file.h"

namespace tripline {

class OnlineCpus {
 public:
  explicit OnlineCpus(const Roots& roots);

  // Looks again when a second has passed. A very large number if it is not known.
  double Count(uint64_t now);

 private:
  File file_;
  double count_;
  uint64_t next_at_ = 0;
};

}  // namespace tripline
