// Which file system a path is on, found by name from mountinfo: looking at a path on a dead server would hang.
#pragma once

#include "linux/file.h"
#include "linux/parse/mountinfo.h"
#include "util/list.h"

namespace tripline {

// The folder in `roots` of the block device that a mount is on, which the kernel names by its numbers.
void SetDeviceFolder(const Roots& roots, const Mount& mount, Text* out);

// What is mounted, read once when it is made. Not thread-safe.
class Mounts {
 public:
  explicit Mounts(const Roots& roots);

  // The mount with the longest point above `path`; of several on one point the last, which hides the others. Its spans
  // live as long as this.
  bool Find(const char* path, Mount* out) const;

  // Follows the symbolic links in an absolute path, touching each directory only after its mount is known to answer
  // from this machine's own memory and disks. False, with the reason, where something on the way may hang; `real` is
  // then the path as far as that went.
  bool ResolveLocal(const char* path, char (&real)[kMaxPath], Failure* why) const;

 private:
  static bool IsLocal(const void* self, const char* path);

  Buffer buffer_;
  List<Mount> mounts_;
  Failure why_;  // the table cannot be read
};

// Whether the table of mounts has changed since it was last looked at.
class MountWatch {
 public:
  // Looks no more often than so, since each look is a system call.
  explicit MountWatch(uint64_t period) : period_(period) {}
  ~MountWatch() { Close(); }
  MountWatch(const MountWatch&) = delete;
  MountWatch& operator=(const MountWatch&) = delete;

  // What changes from now on counts.
  void Open(const Roots& roots);
  void Close();

  // False in between.
  bool HasChanged(uint64_t now);

 private:
  const uint64_t period_;
  int fd_ = -1;
  bool always_ = false;  // the kernel does not notify about this file
  uint64_t look_at_ = 0;
};

// `path` from the working directory; empty is the working directory. False, with the reason, when that is gone, or when
// it is longer than the kernel takes.
bool MakeAbsolute(const char* path, Text* out, Failure* why);

}  // namespace tripline
