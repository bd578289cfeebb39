// Where this process is in the hierarchy of one cgroup controller, in version 1, version 2 and mixtures.
#pragma once

#include "linux/file.h"

namespace tripline {

class CgroupPlace {
 public:
  // Looks again when a second has passed and /proc/self/cgroup has changed (migration), or after Forget().
  // True when the place may be another one than before. Called on the sampling thread.
  bool Update(uint64_t now, const Roots& roots, const char* controller, Buffer* buffer);
  void Forget() { hash_ = 0, next_at_ = 0; }

  // Whether the place is not known, so that neither are its limits: the last look failed for want of descriptors or
  // memory, or the hierarchy is mounted and our group cannot be found in it. Explain() says which.
  bool unknown() const { return starved_ || hidden_; }
  void Explain(Failure* out) const;

  // 1 or 2; 0 where no hierarchy that is mounted has the controller, or the place is hidden.
  int version() const { return version_; }
  // The directory of this process's group; ancestors are its prefixes.
  const char* path() const { return path_.get(); }
  size_t size() const { return path_.size(); }

  // From the length of one group's path to that of its parent. False at the mount point.
  bool Parent(size_t* length) const;
  // How many groups there are from this process's own up to the mount point.
  uint32_t CountLevels() const;

  // Version 2: whether what a group protects is shared out among its descendants (mount option memory_recursiveprot).
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
  bool protects_descendants_ = false;
};

// Whether a memory group counts and limits what is below it: in version 1 without use_hierarchy it does not.
bool CountsChildren(const char* directory, Buffer* buffer);

}  // namespace tripline
