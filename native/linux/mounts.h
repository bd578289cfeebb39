// Which file system a path is on, found by name from mountinfo: looking at a path on a dead server would hang.
#pragma once

#include "linux/file.h"
#include "linux/parse/mountinfo.h"

namespace tripline {

// What is mounted, read once when it is made. Not thread-safe.
class Mounts {
 public:
  explicit Mounts(const Roots& roots);

  // The mount with the longest point above `path`; of several on one point the last, which hides the others. Its spans
  // live as long as this.
  bool Find(const char* path, Mount* out) const;

  // Whether the figures of the file system that `path` is on are had without asking a server, a daemon or a
  // hypervisor.
  bool IsLocal(const char* path) const;

  // Follows the symbolic links in an absolute path, touching each directory only after its mount is known to be local.
  // False where something on the way may hang; `real` has kMaxPath bytes and is undefined then.
  bool ResolveLocal(const char* path, char* real) const;

 private:
  mutable Buffer buffer_;
  bool known_ = false;
};

// `path` from the working directory; empty is the working directory. False when that is gone.
bool MakeAbsolute(const char* path, Text* out, Failure* why);

}  // namespace tripline
