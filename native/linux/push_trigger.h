// The part of Linux's push triggers that tests need by itself.
#pragma once

#include "port/push_trigger.h"

namespace tripline {

// A trigger on a file for which epoll reports EPOLLPRI. Takes over `fd`. `reread`: the kernel notifies again only after
// the file was read.
PushTrigger* MakePriorityTrigger(int fd, bool reread);

}  // namespace tripline
