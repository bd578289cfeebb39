// Whether an ext4 file system has stopped all writing because of an error without turning read-only, as it does since
// Linux 6.6.
#pragma once

#include <cstdint>

#include "linux/file.h"
#include "linux/mounts.h"

namespace tripline {

// Since 6.15, and in older kernels with backported fixes, a mount option says so. In other kernels, the count of errors
// grows on a mount that is set to become read-only on errors. Not thread-safe; uses the shared buffer.
class Ext4Watch {
 public:
  // Sets the mount to watch, of any file system. `path`: a path on it, without links.
  void Set(const Roots& roots, const Mount& mount, const char* path);

  // Checks at most once per second.
  bool HasStopped(uint64_t now, const Roots& roots);

 private:
  void TakeOptions(const Mount& mount);
  bool StopsOnErrors(uint64_t now, Buffer* buffer);

  Text path_;
  uint64_t mount_ = 0;  // its id
  bool watched_ = false;
  bool has_option_ = false;   // whether the option exists that says that writing has stopped
  bool has_stopped_ = false;  // according to its error count
  bool has_count_ = false;
  int64_t count_ = 0;
  uint64_t look_at_ = 0;
  File errors_, options_;
};

}  // namespace tripline
