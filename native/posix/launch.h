// Starts a command, from fork to exec.
#pragma once

#include <sys/types.h>

#include "port/command_group.h"
#include "port/spawn.h"

namespace tripline {

struct Launch {
  const SpawnSpec* spec;
  const CommandGroup* group;
  // For a script without an interpreter line: "/bin/sh", a place for the script's path, then the arguments.
  const char** shell_arguments;
  int stdio[3];         // descriptors above all numbers in which the command gets one
  const int* shared;    // those for `spec->numbers`, which exec closes
  pid_t process_group;  // 0: a new one
  int failure[2];       // a pipe that exec closes; if exec fails, the child writes the reason to it
};

struct LaunchFailure {
  const char* call;
  int error;
  bool outside;  // whether the group refused the command, which then runs without a group
};

// Sets the soft limit on open files of the calling process; 0 leaves it.
void LimitOpenFiles(uint64_t soft);

// Starts the command as a child of the calling process; the command dies with that process. -1 where it could not be
// started. The caller has one thread, all signals blocked and at their default action, and no open descriptor that the
// command must not inherit.
pid_t StartCommand(const Launch& launch, LaunchFailure* why);

}  // namespace tripline
