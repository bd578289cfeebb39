// disk, disk.free, disk.inodes: statvfs() of a path, as df reckons.
#include <cerrno>
#include <cstring>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../platform.h"
#include "families.h"
#include "file.h"
#include "parse/mountinfo.h"

namespace tripline {

namespace {

constexpr double kBytesPerSecond = 2e9;    // the fastest that a disk credibly fills
constexpr double kInodesPerSecond = 2e5;
constexpr int kLinks = 40;                 // as many symbolic links as the kernel follows

// File systems whose figures are had without asking anybody: everything else may hang (a dead server, a FUSE daemon, a
// hypervisor's share, an automounter).
const char* const kLocal[] = {
  "ext4", "ext3", "ext2", "xfs", "btrfs", "f2fs", "overlay", "tmpfs", "ramfs", "rootfs", "devtmpfs", "vfat", "exfat",
  "msdos", "ntfs3", "ntfs", "squashfs", "erofs", "zfs", "bcachefs", "jffs2", "ubifs", "nilfs2", "jfs", "reiserfs",
  "hfsplus", "hfs", "iso9660", "udf", "aufs", "romfs", "cramfs", "proc", "sysfs", "cgroup", "cgroup2", "devpts",
  "mqueue", "hugetlbfs", "debugfs", "tracefs", "securityfs", "pstore", "bpf", "configfs", "efivarfs",
};

// What is mounted, read once. Looking at a path itself could hang, so its mount is found by name.
class Mounts {
 public:
  explicit Mounts(const Roots& roots) {
    File file;
    file.SetPath(roots.proc.get(), "/self/mountinfo");
    known_ = file.ReadPieces(1, &buffer_);
    if (known_ || !roots.other_proc) return;
    // Another machine's files: paths are still ours.
    file.SetPath("/proc/self/mountinfo");
    known_ = file.ReadPieces(1, &buffer_);
  }

  // Whether the file system that `path` is on, by its longest mounted prefix, is a local one. The last of several
  // mounts on one point hides the others.
  bool IsLocal(const char* path) const {
    if (!known_) return false;
    Mount mount, best;
    size_t longest = 0;
    char point[kMaxPath];
    for (Scanner scan(const_cast<Buffer&>(buffer_).data(), buffer_.size); NextMount(&scan, &mount);) {
      if (!Unescape(mount.point, point, sizeof(point)) || !IsBeneath(path, point)) continue;
      if (strlen(point) < longest) continue;
      longest = strlen(point);
      best = mount;
    }
    for (const char* name : kLocal) {
      if (best.type.size > 0 && best.type.Is(name)) return true;
    }
    return false;
  }

 private:
  Buffer buffer_;
  bool known_ = false;
};

// Whether nothing on the way to `path` can hang, symbolic links included: each directory is touched only after its
// mount is known to be local.
bool IsLocalPath(const Mounts& mounts, const char* path) {
  char done[kMaxPath] = "/";
  char rest[kMaxPath];
  if (strlen(path) >= sizeof(rest)) return false;
  strcpy(rest, path);
  int links = 0;
  if (!mounts.IsLocal(done)) return false;
  for (;;) {
    const char* name = rest + strspn(rest, "/");
    if (*name == '\0') return true;
    const size_t length = strcspn(name, "/");
    const char* after = name + length;
    if (length == 1 && name[0] == '.') {
      memmove(rest, after, strlen(after) + 1);
      continue;
    }
    if (length == 2 && name[0] == '.' && name[1] == '.') {
      char* slash = strrchr(done, '/');
      slash[slash == done ? 1 : 0] = '\0';
      memmove(rest, after, strlen(after) + 1);
      continue;
    }
    char next[kMaxPath];
    const char* separator = strcmp(done, "/") == 0 ? "" : "/";
    if (strlen(done) + length + 2 > sizeof(next)) return false;
    strcpy(next, done);
    strcat(next, separator);
    strncat(next, name, length);
    if (!mounts.IsLocal(next)) return false;
    char link[kMaxPath];
    const ssize_t size = readlink(next, link, sizeof(link) - 1);
    if (size <= 0) {
      memmove(rest, after, strlen(after) + 1);
      strcpy(done, next);
      continue;
    }
    if (++links > kLinks || static_cast<size_t>(size) + strlen(after) + 1 > sizeof(rest)) return false;
    link[size] = '\0';
    char joined[kMaxPath];
    strcpy(joined, link);
    strcat(joined, after);
    strcpy(rest, joined);
    if (link[0] == '/') strcpy(done, "/");
  }
}

class DiskProbe final : public Probe {
 public:
  bool Open(const Selector& selector, Failure* why) {
    char directory[kMaxPath] = "";
    if (selector.path[0] != '/' && getcwd(directory, sizeof(directory)) == nullptr) {
      why->SetErrno("getcwd", "", errno, "the working directory is gone");
      return false;
    }
    path_.Set(directory, selector.path[0] == '\0' || selector.path[0] == '/' ? "" : "/", selector.path);
    const Roots roots;
    const Mounts mounts(roots);
    blocking_ = !IsLocalPath(mounts, path_.get());
    // A path that may hang is looked at later, by the helper thread.
    if (blocking_) return true;
    struct statvfs fs;
    if (!Ask(&fs, why)) return false;
    writable_ = (fs.f_flag & ST_RDONLY) == 0;
    asked_ = true;
    return true;
  }

  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    struct statvfs fs;
    Failure why;
    if (!Ask(&fs, &why)) {
      SetUnavailable(wanted, Metric::kDisk, why, out);
      SetUnavailable(wanted, Metric::kDiskFree, why, out);
      SetUnavailable(wanted, Metric::kDiskInodes, why, out);
      return;
    }
    if (!asked_) writable_ = (fs.f_flag & ST_RDONLY) == 0;
    asked_ = true;
    SetSpace(fs, wanted, out);
    SetInodes(fs, wanted, out);
  }

  const char* Origin(Metric) const override { return path_.get(); }

  double MaxSlope(Metric metric) const override {
    switch (metric) {
      case Metric::kDisk: return bytes_ > 0 ? 100 * kBytesPerSecond / bytes_ : 0;
      case Metric::kDiskFree: return kBytesPerSecond;
      case Metric::kDiskInodes: return inodes_ > 0 ? 100 * kInodesPerSecond / inodes_ : 0;
      default: return 0;
    }
  }

  bool blocking() const override { return blocking_; }

 private:
  bool Ask(struct statvfs* fs, Failure* why) const {
    int result = 0;
    do {
      result = statvfs(path_.get(), fs);
    } while (result != 0 && errno == EINTR);
    if (result == 0) return true;
    why->SetErrno("statvfs", path_.get(), errno, errno == ENOENT ? "no such path" : "");
    return false;
  }

  // The blocks reserved for root are neither used nor free for anybody else.
  void SetSpace(const struct statvfs& fs, MetricMask wanted, Readings* out) {
    const double used = static_cast<double>(fs.f_blocks > fs.f_bfree ? fs.f_blocks - fs.f_bfree : 0);
    const double free = static_cast<double>(fs.f_bavail);
    const double size = static_cast<double>(fs.f_frsize != 0 ? fs.f_frsize : fs.f_bsize);
    bytes_ = (used + free) * size;
    if (bytes_ <= 0) {
      Failure why;
      why.Set("a file system without blocks, such as proc, has no space to run out of");
      SetUnavailable(wanted, Metric::kDisk, why, out);
      SetUnavailable(wanted, Metric::kDiskFree, why, out);
      return;
    }
    if (Wants(wanted, Metric::kDisk)) out->SetLevel(Metric::kDisk, 100 * used / (used + free));
    if (Wants(wanted, Metric::kDiskFree)) {
      // A file system that was writable and has turned read-only, which is what ext4 does on errors and what a worn SD
      // card ends as, takes no more bytes.
      const bool flipped = writable_ && (fs.f_flag & ST_RDONLY) != 0;
      out->SetLevel(Metric::kDiskFree, flipped ? 0 : free * size);
    }
  }

  void SetInodes(const struct statvfs& fs, MetricMask wanted, Readings* out) {
    if (!Wants(wanted, Metric::kDiskInodes)) return;
    const double used = static_cast<double>(fs.f_files > fs.f_ffree ? fs.f_files - fs.f_ffree : 0);
    const double free = static_cast<double>(fs.f_favail);
    inodes_ = used + free;
    if (fs.f_files == 0 || inodes_ <= 0) {
      Failure why;
      why.Set("no inode limit on this file system");
      return SetUnavailable(wanted, Metric::kDiskInodes, why, out);
    }
    out->SetLevel(Metric::kDiskInodes, 100 * used / inodes_);
  }

  Text path_;
  bool blocking_ = false;
  bool asked_ = false;
  bool writable_ = false;
  double bytes_ = 0;
  double inodes_ = 0;
};

}  // namespace

Probe* MakeDiskProbe(const Selector& selector, Failure* why) {
  DiskProbe* probe = new DiskProbe();
  if (probe->Open(selector, why)) return probe;
  delete probe;
  return nullptr;
}

}  // namespace tripline
