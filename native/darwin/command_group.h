// The process tree, in memory that a command's supervisor shares with the process that started it. The supervisor
// writes it; the other process reads it for the metrics of the tree and takes it over when the supervisor is dead.
#pragma once

#include <cstdint>

#include "darwin/process_tree.h"
#include "port/command_group.h"

namespace tripline::darwin {

// nullptr before Make() and after Release().
ProcessTree* TreeOf(CommandGroup* group);

// Copies the members that are alive, as many as fit. Returns how many, or -1 if no group was published for `root`.
int32_t CopyMembers(int64_t root, Member* into, uint32_t room);

}  // namespace tripline::darwin
