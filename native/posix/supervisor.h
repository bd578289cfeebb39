// The supervisor: a process between the library and a command, which keeps track of everything that the command starts.
// It takes orders over a socket, reports events, and ends the tree when the other end of the socket is closed, when its
// time is up or when it is silent for too long: without JavaScript, whose loop may be blocked.
#pragma once

#include "port/command_group.h"
#include "port/spawn.h"

namespace tripline {

struct Order {
  enum Kind : int32_t { kGo, kSignal, kEnd, kPause, kResume };
  Kind kind = kSignal;
  int32_t signal = 0;  // kPause: not 0 if the timeout stands still meanwhile
  uint64_t time = 0;   // kGo: the timeout; kEnd: from the signal to SIGKILL
};

struct Report {
  int32_t error = 0;           // kFailed: the errno; kStarted: not 0 if the command is not in its group
  const char* call = nullptr;  // kFailed: the call; the text has the same address in both processes
  int64_t pid = 0;             // kStarted
  CommandEvent event;
};

// Turns the forked process into the supervisor. All signals are blocked, and `control` is its end of the socket.
// `shell_arguments`: see Launch.
[[noreturn]] void BecomeSupervisor(const SpawnSpec& spec, const char** shell_arguments, const CommandGroup& group,
                                   int control);

}  // namespace tripline
