// Starts a command for a test and waits until it runs.
#pragma once

#include "port/spawn.h"

namespace tripline::test {

// nullptr, with the reason, where the command could not be started.
inline Command* StartCommand(const SpawnSpec& spec, SpawnFailure* why, uint64_t timeout = kNever) {
  Command* command = Command::Prepare(spec, why);
  if (command == nullptr) return nullptr;
  command->Go(timeout);
  CommandEvent event;
  if (command->Next(&event) && event.kind == CommandEvent::kStarted) return command;
  *why = command->failure;
  delete command;
  return nullptr;
}

}  // namespace tripline::test
