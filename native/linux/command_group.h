// A control group of a command's own, where this process may make one: the kernel then knows every member, whatever it
// does, and ends them all at once.
#pragma once

#include "port/probe.h"

namespace tripline {

class CommandGroup {
 public:
  // Makes a group below ours in the version 2 hierarchy; `number` is new in this process. False where there is none
  // that has been delegated to us. Called before the fork; what follows is system calls only.
  bool Make(uint64_t number);

  bool made() const { return path_[0] != '\0'; }
  const char* path() const { return path_; }

  // Joins the calling process. False where the kernel refuses, which leaves it where it was.
  bool Enter() const;
  // Ends all members at once. False before Linux 5.14.
  bool Kill() const;
  // Removes the group, and what was made below it. False while somebody is in it, be it dead and not waited for.
  bool Remove();

  // In the process that made it: it takes nothing there, and the kernel tells who is in it.
  void Publish(int64_t) {}
  void Release() {}

 private:
  char path_[256] = "";
};

}  // namespace tripline
