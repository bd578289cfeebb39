// The process tree in memory that a command's supervisor shares with the process that has started it: the supervisor
// writes it, the other reads it for the metrics of the tree, and goes on with it when the supervisor is dead.
#pragma once

#include <cstdint>

#include "darwin/process_tree.h"
#include "port/command_group.h"

namespace tripline::darwin {

// nullptr before Make() and after Release().
ProcessTree* TreeOf(CommandGroup* group);

// Members that are alive, as many as there is room for. -1 where `root` is not that of a published group.
int32_t CopyMembers(int64_t root, Member* into, uint32_t room);

}  // namespace tripline::darwin
