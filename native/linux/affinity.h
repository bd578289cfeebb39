// The CPUs that this process may use.
#pragma once

#include <cstdint>

namespace tripline {

class Affinity {
 public:
  // Reads the affinity again. False if the kernel does not report it; all CPUs count then.
  bool Read();
  bool Has(uint32_t cpu) const { return !known_ || (cpu < kBytes * 8 && (mask_[cpu / 8] >> cpu % 8 & 1) != 0); }

 private:
  static constexpr uint32_t kBytes = 1024;  // 8192 CPUs, the most that Linux can be built for

  alignas(8) unsigned char mask_[kBytes] = {};
  bool known_ = false;
};

}  // namespace tripline
