// Whether an ext4 file system has stopped all writing because of an error without turning read-only, as it does since
// Linux 6.6.
#pragma once

#include <cstdint>

#include "linux/file.h"
#include "linux/mounts.h"

namespace tripline {

// Since 6.15, and in older kernels with its repairs, an option of the mount says so. Before, the count of errors grows
// in a mount that is to become read-only on errors. Not thread-safe; uses the shared buffer.
class Ext4Watch {
 public:
  // Which mount to watch; may be any. `path`: one that it holds, without links.
  void Set(const Roots& roots, const Mount& mount, const char* path);

  // Looks once a second at most.
  bool HasStopped(uint64_t now, const Roots& roots);

 private:
  void TakeOptions(const Mount& mount);
  bool StopsOnErrors(uint64_t now, Buffer* buffer);

  Text path_;
  uint64_t mount_ = 0;  // its id
  bool watched_ = false;
  bool has_option_ = false;   // that says that it has stopped
  bool has_stopped_ = false;  // as far as its errors show
  bool has_count_ = false;
  int64_t count_ = 0;
  uint64_t look_at_ = 0;
  File errors_, options_;
};

}  // namespace tripline
