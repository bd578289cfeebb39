// What is known of a command's processes beside the process list: on Linux a control group of their own where this
// process may make one, on macOS memory that the supervisor shares with the process that started it. Implemented by the
// OS folders of POSIX systems, for native/posix.
#pragma once

#include <cstdint>

#include "port/os_state.h"

namespace tripline {

// Made before the fork, so that both processes have one; a copy stands for the same group.
class CommandGroup {
 public:
  CommandGroup();

  // Makes the group; `number` is new in this process. False where there is none: commands run without.
  bool Make(uint64_t number);

  // ---- in both processes, system calls only (posix/bare.h)

  // Whether the kernel itself holds the processes together, and the path of the group that does; "" where it does not.
  bool made() const;
  const char* path() const;

  // Joins the calling process. False where there is no such group or the kernel refuses, which changes nothing.
  bool Enter() const;
  // Ends all members at once. False where the kernel cannot do that; then each member has to be signaled.
  bool Kill() const;
  // Removes the group with those below it. False while a process is in it, even one that is dead and not waited for;
  // true where there is nothing to remove.
  bool Remove();

  // ---- in the process that made it

  // Until Release(), the probes of this process find the group by `root`, the number of its supervisor.
  void Publish(int64_t root);
  // Gives back what only this process has of it. Any number of times.
  void Release();

  // For the files of the OS folder alone.
  OsState<256>& os() { return os_; }

 private:
  OsState<256> os_;
};

}  // namespace tripline
