// Creates a suspended process in its job from a specification.
#pragma once

#include "port/spawn.h"
#include "windows/job.h"

namespace tripline {

struct Launched {
  HANDLE process = nullptr;
  HANDLE thread = nullptr;  // to be resumed
  DWORD pid = 0;
};

// The command inherits `streams` and no other handle. False, with the reason, where it cannot be run.
bool Launch(const SpawnSpec& spec, const Job& job, const HANDLE* streams, Launched* out, SpawnFailure* why);

}  // namespace tripline
