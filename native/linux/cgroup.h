// The place of this process in the hierarchy of one cgroup controller: version 1, version 2, or a mixture of both.
#pragma once

#include "linux/file.h"

namespace tripline {

class CgroupPlace {
 public:
  // Looks again when a second has passed and /proc/self/cgroup has changed (migration), or after Forget(). True if the
  // place may have changed. Called on the sampling thread.
  bool Update(uint64_t now, const Roots& roots, const char* controller, Buffer* buffer);
  void Forget() { hash_ = 0, next_at_ = 0; }

  // Whether the place, and so its limits, are unknown: either the last look failed for lack of descriptors or memory,
  // or the hierarchy is mounted but our group was not found in it. Explain() gives the reason.
  bool unknown() const { return starved_ || hidden_; }
  void Explain(Failure* out) const;

  // 1 or 2; 0 if no mounted hierarchy has the controller, or the place is hidden.
  int version() const { return version_; }
  // Whether the kernel lists this process among the members of the group. Without that, the place is a guess.
  bool proven() const { return proven_; }
  // The directory of this process's group; ancestors are its prefixes.
  const char* path() const { return path_.get(); }
  size_t size() const { return path_.size(); }

  // From the length of one group's path to that of its parent. False at the mount point.
  bool Parent(size_t* length) const;
  // The number of groups from this process's own up to the mount point.
  uint32_t CountLevels() const;

  // Version 2: whether a group's protection is shared out among its descendants (mount option memory_recursiveprot).
  bool protects_descendants() const { return protects_descendants_; }

 private:
  void Locate(uint64_t now, const Roots& roots, const char* controller, Buffer* buffer);

  File list_;
  Text path_;
  size_t top_ = 0;
  int version_ = 0;
  uint64_t hash_ = 0;
  uint64_t next_at_ = 0;
  bool starved_ = false;
  bool hidden_ = false;
  bool proven_ = false;
  bool protects_descendants_ = false;
};

// Whether a memory group counts and limits its descendants. In version 1 without use_hierarchy it does not.
bool CountsChildren(const char* directory, Buffer* buffer);

}  // namespace tripline
