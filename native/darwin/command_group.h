// What is known of a command's processes, in memory that its supervisor shares with the process that has started it:
// the one writes it, the other reads it for the metrics of the tree, and goes on with it when the supervisor is dead.
#pragma once

#include <cstdint>

#include "darwin/process_tree.h"

namespace tripline {

class CommandGroup {
 public:
  // Called before the fork.
  bool Make(uint64_t number);
  // Gives the memory back, in the process that made it.
  void Release();
  // From now on, until Release(), CopyMembers() finds it by this number.
  void Publish(int64_t root);

  darwin::ProcessTree* tree() const { return tree_; }

  // Members that are alive, as many as there is room for. -1 where `root` is not that of a command.
  static int32_t CopyMembers(int64_t root, darwin::Member* into, uint32_t room);

  // The kernel holds no such group together.
  bool made() const { return false; }
  const char* path() const { return ""; }
  bool Enter() const { return false; }
  bool Kill() const { return false; }
  bool Remove() { return true; }

 private:
  darwin::ProcessTree* tree_ = nullptr;
};

}  // namespace tripline
