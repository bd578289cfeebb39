// disk, disk.free, disk.inodes: statfs() of a path, counted as df does.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/param.h>
#include <unistd.h>

#include "darwin/convert.h"
#include "darwin/families.h"
#include "port/platform.h"
#include "posix/links.h"

namespace tripline {
namespace {

constexpr double kBytesPerSecond = 8e9;  // the fastest rate at which a disk credibly fills
constexpr double kInodesPerSecond = 2e5;

// The mount table, as the kernel knows it without asking any server.
class Mounts {
 public:
  Mounts() = default;
  ~Mounts() { free(mounts_); }
  Mounts(const Mounts&) = delete;
  Mounts& operator=(const Mounts&) = delete;

  // Reads the table again. True if it has changed. Allocates only when the table is longer than ever before.
  bool Update() {
    for (;;) {
      count_ = getfsstat(mounts_, capacity_ * static_cast<int>(sizeof(struct statfs)), MNT_NOWAIT);
      // A table that fills the room may have been cut off.
      if (mounts_ != nullptr && count_ < capacity_) break;
      const int capacity = (mounts_ == nullptr ? getfsstat(nullptr, 0, MNT_NOWAIT) : capacity_) + 16;
      void* grown = realloc(mounts_, static_cast<size_t>(capacity) * sizeof(struct statfs));
      if (grown == nullptr) {
        count_ = 0;
        break;
      }
      mounts_ = static_cast<struct statfs*>(grown);
      capacity_ = capacity;
    }
    uint64_t seen = 0;
    for (int i = 0; i < count_; i++) {
      const struct statfs& each = mounts_[i];
      for (const int32_t part : each.f_fsid.val) seen = seen * 31 + static_cast<uint32_t>(part);
      seen = seen * 31 + (each.f_flags & MNT_LOCAL);
    }
    const bool changed = seen != seen_;
    seen_ = seen;
    return changed;
  }

  // Whether every part of an absolute path, symbolic links followed, is on a local volume.
  bool IsLocal(const char* path) const {
    constexpr int kLinks = 32;  // MAXSYMLINKS
    char real[MAXPATHLEN];
    return IsLocalAllTheWay<kLinks>(path, HasLocal, this, real);
  }

 private:
  // Whether the volume with the longest mount point above `path` is local.
  static bool HasLocal(const void* self, const char* path) {
    const auto* mounts = static_cast<const Mounts*>(self);
    size_t longest = 0;
    bool local = false;
    for (int i = 0; i < mounts->count_; i++) {
      const struct statfs& each = mounts->mounts_[i];
      const size_t length = strlen(each.f_mntonname);
      if (length < longest || !darwin::IsUnder(path, each.f_mntonname)) continue;
      longest = length;
      local = (each.f_flags & MNT_LOCAL) != 0;
    }
    return local;
  }

  struct statfs* mounts_ = nullptr;
  int count_ = 0, capacity_ = 0;
  uint64_t seen_ = 0;
};

class DiskProbe final : public Probe {
 public:
  bool Open(const Selector& selector, Failure* why) {
    const bool relative = selector.name[0] != '/';
    if (relative && getcwd(path_, sizeof(path_)) == nullptr) {
      why->SetErrno("getcwd", "", errno, "");
      return false;
    }
    if (relative && selector.name[0] != '\0') strlcat(path_, "/", sizeof(path_));
    if (strlcat(path_, selector.name, sizeof(path_)) >= sizeof(path_)) {
      why->SetErrno("statfs", selector.name, ENAMETOOLONG, "");
      return false;
    }
    mounts_.Update();
    blocking_ = !mounts_.IsLocal(path_);
    // Only the helper thread may touch a network mount, because such calls may hang.
    if (!blocking_ && access(path_, F_OK) != 0) {
      why->SetErrno("access", selector.name, errno, errno == ENOENT ? "no such path" : "");
      return false;
    }
    return true;
  }

  bool blocking() const override { return blocking_; }

  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    struct statfs fs;
    Failure why;
    // A network volume may have been mounted there in the meantime, and may hang.
    if (!blocking_ && mounts_.Update()) is_local_ = mounts_.IsLocal(path_);
    if (!blocking_ && !is_local_) {
      why.Set("a volume that may hang has been mounted on the way to it");
      return SetUnavailable(wanted, why, out);
    }
    if (statfs(path_, &fs) != 0) {
      why.SetErrno("statfs", path_, errno, errno == ENOENT ? "no such path" : "");
      SetUnavailable(wanted, why, out);
      return;
    }
    if (fs.f_blocks == 0) {
      why.Set("the file system does not count its blocks");
      SetUnavailable(wanted & ~MaskOf(Metric::kDiskInodes), why, out);
      wanted &= MaskOf(Metric::kDiskInodes);
    }
    bytes_ = static_cast<double>(fs.f_blocks) * fs.f_bsize;
    inodes_ = static_cast<double>(fs.f_files);
    if (Wants(wanted, Metric::kDiskFree)) {
      out->SetLevel(Metric::kDiskFree, HasTurnedReadOnly(fs) ? 0 : static_cast<double>(fs.f_bavail) * fs.f_bsize);
    }
    if (Wants(wanted, Metric::kDisk)) {
      out->SetLevel(Metric::kDisk, darwin::ShareUsed(fs.f_blocks, fs.f_bfree, fs.f_bavail));
    }
    if (!Wants(wanted, Metric::kDiskInodes)) return;
    if (fs.f_files > 0) {
      out->SetLevel(Metric::kDiskInodes, darwin::ShareUsed(fs.f_files, fs.f_ffree, fs.f_ffree));
    } else {
      why.Set("no inode limit on this file system");
      SetUnavailable(wanted & MaskOf(Metric::kDiskInodes), why, out);
    }
  }

  const char* Origin(Metric) const override { return "statfs"; }

  double MaxSlope(Metric metric) const override {
    switch (metric) {
      case Metric::kDiskFree: return kBytesPerSecond;
      case Metric::kDisk: return bytes_ > 0 ? 100 * kBytesPerSecond / bytes_ : 0;
      case Metric::kDiskInodes: return inodes_ > 0 ? 100 * kInodesPerSecond / inodes_ : 0;
      default: return 0;
    }
  }

 private:
  // A volume that has turned read-only has no room left, whatever it reports as free.
  bool HasTurnedReadOnly(const struct statfs& fs) {
    const bool read_only = (fs.f_flags & MNT_RDONLY) != 0;
    was_writable_ = was_writable_ || !read_only;
    return was_writable_ && read_only;
  }

  char path_[MAXPATHLEN] = "";
  Mounts mounts_;
  bool blocking_ = false;
  bool is_local_ = true;  // as of the last look at the mount table
  bool was_writable_ = false;
  double bytes_ = 0, inodes_ = 0;
};

}  // namespace

Probe* MakeDiskProbe(const Selector& selector, Failure* why) { return OpenProbe<DiskProbe>(selector, why); }

}  // namespace tripline
