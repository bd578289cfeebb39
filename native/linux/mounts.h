// Which file system a path is on, found by name in mountinfo, because accessing a path on a dead server would hang.
#pragma once

#include "linux/file.h"
#include "linux/parse/mountinfo.h"
#include "util/list.h"

namespace tripline {

// The folder in `roots` of a mount's block device, by the device's numbers.
void SetDeviceFolder(const Roots& roots, const Mount& mount, Text* out);

// The table of mounts, read once at construction. Not thread-safe.
class Mounts {
 public:
  explicit Mounts(const Roots& roots);

  // The mount with the longest mount point above `path`; if several share one mount point, the last, which hides the
  // others. Its spans live as long as this object.
  bool Find(const char* path, Mount* out) const;

  // Follows the symbolic links in an absolute path. Touches a directory only after its mount is known to answer from
  // this machine's own memory and disks. False, with the reason, if a part of the path may hang; `real` is then the
  // path up to that part.
  bool ResolveLocal(const char* path, char (&real)[kMaxPath], Failure* why) const;

 private:
  static bool IsLocal(const void* self, const char* path);

  Buffer buffer_;
  List<Mount> mounts_;
  Failure why_;  // why the table cannot be read
};

// Whether the table of mounts has changed since the last check.
class MountWatch {
 public:
  // Checks no more often than this, since each check is a system call.
  explicit MountWatch(uint64_t period) : period_(period) {}
  ~MountWatch() { Close(); }
  MountWatch(const MountWatch&) = delete;
  MountWatch& operator=(const MountWatch&) = delete;

  // Only changes from now on count.
  void Open(const Roots& roots);
  void Close();

  // False between checks.
  bool HasChanged(uint64_t now);

 private:
  const uint64_t period_;
  int fd_ = -1;
  bool always_ = false;  // the kernel does not notify about this file
  uint64_t look_at_ = 0;
};

// Makes `path` absolute, from the working directory; an empty path is the working directory. False, with the reason, if
// that is gone, or if the result is longer than the kernel accepts.
bool MakeAbsolute(const char* path, Text* out, Failure* why);

}  // namespace tripline
