// How much of their swap limits the control groups of this process use.
//   memory.swap.current, memory.swap.max    (version 2)
//   memory.stat: total_swap, memory.memsw.limit_in_bytes less memory.limit_in_bytes    (version 1)
#pragma once

#include <memory>

#include "linux/cgroup.h"
#include "util/list.h"

namespace tripline {

// Not thread-safe.
class GroupSwap {
 public:
  // Reads every group up the chain that has a limit. False with `why` if a limit or the usage under it is unknown.
  bool Read(uint64_t now, const Roots& roots, Failure* why);

  // The percentage of its limit that the fullest group uses; 0 if no group has a limit. A group whose limit is 0 cannot
  // run out of swap; it counts as full only if some of its memory was swapped out earlier.
  double share() const { return share_; }
  // The file that the usage comes from; empty if no group uses any.
  const char* origin() const { return fullest_ == nullptr ? "" : fullest_->used.path(); }
  // The smallest limit that is more than 0, in bytes.
  uint64_t least() const { return least_; }

 private:
  struct Level {
    File used, file;
    File memory;  // version 1, whose limit covers memory and swap together
    uint64_t limit = 0;
  };

  void FindLevels(Buffer* buffer);
  bool FindLimits(uint64_t now, Failure* why);
  bool Judge(uint64_t now, Level* level, Failure* why);

  CgroupPlace place_;
  uint64_t limits_at_ = 0;
  List<std::unique_ptr<Level>> levels_;  // this process's group first
  double share_ = 0;
  uint64_t least_ = 0;
  const Level* fullest_ = nullptr;
};

}  // namespace tripline
