// From a specification to a process that is in its job and does not run yet.
#pragma once

#include "port/spawn.h"
#include "windows/job.h"

namespace tripline {

struct Launched {
  HANDLE process = nullptr;
  HANDLE thread = nullptr;  // to be resumed
  DWORD pid = 0;
};

// `streams` are what it gets, and all that it gets. False, with why, where it cannot be run.
bool Launch(const SpawnSpec& spec, const Job& job, const HANDLE* streams, Launched* out, SpawnFailure* why);

}  // namespace tripline
