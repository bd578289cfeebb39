// Where this process is in the hierarchy of one cgroup controller, in version 1, version 2 and mixtures.
#pragma once

#include "linux/file.h"

namespace tripline {

class CgroupPlace {
 public:
  // Looks again when a second has passed and /proc/self/cgroup has changed (migration), or after Forget().
  // True when the place is another one than before. Called on the sampling thread.
  bool Update(uint64_t now, const Roots& roots, const char* controller, Buffer* buffer);
  void Forget() { hash_ = 0, checked_at_ = 0; }

  // Whether the last look failed for want of descriptors or memory; the rest is then what it was before.
  bool wanting() const { return wanting_; }
  void Explain(Failure* out) const {
    out->Set("no descriptors or memory left for looking up the limits of the cgroup");
  }

  // 1 or 2; 0 where no hierarchy has the controller.
  int version() const { return version_; }
  // The directory of the own group; ancestors are its prefixes.
  const char* path() const { return path_.get(); }
  size_t size() const { return path_.size(); }

  // From the length of one group's path to that of its parent. False at the mount point.
  bool Parent(size_t* length) const;

 private:
  void Locate(const Roots& roots, const char* controller, Buffer* buffer);

  File list_;
  Text path_;
  size_t top_ = 0;
  int version_ = 0;
  uint64_t hash_ = 0;
  uint64_t checked_at_ = 0;
  bool wanting_ = false;
};

}  // namespace tripline
