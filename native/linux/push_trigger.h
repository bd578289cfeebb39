// Kernel push on Linux, as far as tests need a part of it alone.
#pragma once

#include "port/push_trigger.h"

namespace tripline {

// A trigger on a file for which epoll reports EPOLLPRI. Takes over `fd`. `reread`: the kernel notifies again only after
// the file was read.
PushTrigger* MakePriorityTrigger(int fd, bool reread);

}  // namespace tripline
