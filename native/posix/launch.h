// From fork to exec: a process becomes the command.
#pragma once

#include <sys/types.h>

#include "port/command_group.h"
#include "port/spawn.h"

namespace tripline {

struct Launch {
  const SpawnSpec* spec;
  const CommandGroup* group;
  // For a script without an interpreter line: "/bin/sh", room for its path, then the arguments.
  const char** shell_arguments;
  int stdio[3];         // none of them is 0, 1 or 2
  pid_t process_group;  // 0: a new one
  int failure[2];       // a pipe that exec closes: the child writes to it why it did not become the command
};

struct LaunchFailure {
  const char* call;
  int error;
};

// Starts the command as a child of the calling process, with whose end it ends too. -1 where it does not run. The
// caller has one thread, all signals blocked and at their default action, and nothing open that the command must not
// get.
pid_t StartCommand(const Launch& launch, LaunchFailure* why);

}  // namespace tripline
