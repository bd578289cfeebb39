// process.* of a process and all its descendants, summed.
#pragma once

#include "port/probe.h"

namespace tripline {

// Why /proc/<pid>/io cannot be read.
const char* HintOfIo(int error);

// `own`: the root is this process, which is looked up in the real /proc.
Probe* MakeProcessTreeProbe(int64_t pid, bool own, Failure* why);

}  // namespace tripline
