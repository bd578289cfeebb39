// What the system offers beside the process list to keep track of a command's processes: on Linux a control group of
// their own, where this process may make one; on macOS memory that the supervisor shares with the process that started
// it. Implemented by the OS folders of POSIX systems, for native/posix.
#pragma once

#include <cstdint>

#include "port/os_state.h"

namespace tripline {

// Made before the fork, so that both processes have the object; a copy refers to the same group.
class CommandGroup {
 public:
  CommandGroup();

  // Makes the group, in `place` unless that is empty; no two calls in this process pass the same `number`. False where
  // the system allows no group: the command then runs without one.
  bool Make(uint64_t number, const char* place);

  // ---- in both processes, system calls only (posix/bare.h)

  // Whether the kernel itself holds the processes together, and the path of the group; "" where it does not.
  bool made() const;
  const char* path() const;

  // Moves the calling process into the group. False where there is no group or the kernel refuses; nothing has changed
  // then.
  bool Enter() const;
  // Ends all members at once. False where the kernel cannot do that; then each member has to be signaled.
  bool Kill() const;
  // Removes the group and all groups below it. False while a process is in it, even a dead one that was not waited for;
  // true where there is nothing to remove.
  bool Remove();

  // ---- in the process that made it

  // Until Release(), the probes of this process find the group by `root`, the number of its supervisor.
  void Publish(int64_t root);
  // Releases what this process alone holds of the group. May be called any number of times.
  void Release();

  // For the files of the OS folder alone.
  OsState<256>& os() { return os_; }

 private:
  OsState<256> os_;
};

}  // namespace tripline
