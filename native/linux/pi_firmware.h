// The firmware of a Raspberry Pi, which reports voltage, heat and throttling.
#pragma once

#include "linux/file.h"

namespace tripline {

// Reading the file sends a request to the firmware through a mailbox and may take long, so only helper threads do it.
class PiFirmware {
 public:
  // False if this is not a Raspberry Pi, or its kernel does not show the firmware's state (mainline's does not).
  bool Find(const Roots& roots);
  bool found() const { return !path_.empty(); }
  const char* path() const { return path_.get(); }

  // The current state: bit 0 the voltage is too low, 1 the frequency is capped, 2 the CPU is throttled, 3 the soft
  // temperature limit is reached. The bits of "since boot" are left out.
  bool Read(Buffer* buffer, uint64_t* bits, Failure* why) const;

 private:
  bool Set(const char* a, const char* b, const char* c);

  Text path_;
};

constexpr uint64_t kUndervoltageBit = 1;

}  // namespace tripline
