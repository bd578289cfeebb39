// The firmware of a Raspberry Pi, which knows of its voltage, its heat and what it does about them.
#pragma once

#include "linux/file.h"

namespace tripline {

// The file asks the firmware through a mailbox and may take long: for helper threads.
class PiFirmware {
 public:
  // False where this is no such board, or the kernel does not show it (mainline's does not).
  bool Find(const Roots& roots);
  bool found() const { return !path_.empty(); }
  const char* path() const { return path_.get(); }

  // What holds now: bit 0 the voltage is too low, 1 the frequency is capped, 2 it is throttled, 3 it is at its soft
  // limit of temperature. Bits of "since it was started" are left out.
  bool Read(Buffer* buffer, uint64_t* bits, Failure* why) const;

 private:
  bool Set(const char* a, const char* b, const char* c);

  Text path_;
};

constexpr uint64_t kUndervoltageBit = 1;

}  // namespace tripline
