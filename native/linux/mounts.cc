#include "linux/mounts.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "port/platform.h"
#include "posix/links.h"

namespace tripline {

namespace {

constexpr int kLinks = 40;  // the kernel's own limit on symbolic links

// File systems that answer from this machine's own memory and disks.
constexpr const char* kLocal =
    "ext4\0ext3\0ext2\0xfs\0btrfs\0f2fs\0overlay\0tmpfs\0ramfs\0rootfs\0devtmpfs\0vfat\0exfat\0msdos\0"
    "ntfs3\0ntfs\0squashfs\0erofs\0zfs\0bcachefs\0jffs2\0ubifs\0nilfs2\0jfs\0reiserfs\0hfsplus\0hfs\0"
    "iso9660\0udf\0aufs\0romfs\0cramfs\0proc\0sysfs\0cgroup\0cgroup2\0devpts\0mqueue\0hugetlbfs\0"
    "debugfs\0tracefs\0securityfs\0pstore\0bpf\0configfs\0efivarfs\0";

}  // namespace

void SetDeviceFolder(const Roots& roots, const Mount& mount, Text* out) {
  out->Set(roots.sys.get(), "/dev/block/");
  out->AddNumber(mount.major);
  out->Add(":");
  out->AddNumber(mount.minor);
}

Mounts::Mounts(const Roots& roots) {
  File file;
  file.SetPath(roots.proc.get(), "/self/mountinfo");
  bool known = file.ReadPieces(1, &buffer_);
  if (!known && roots.other_proc) {
    // The files under HOST_PROC are another machine's, but paths are still ours.
    file.SetPath("/proc/self/mountinfo");
    known = file.ReadPieces(1, &buffer_);
  }
  if (!known) {
    file.Explain("", &why_);
    return;
  }
  Mount mount;
  for (Scanner scan(buffer_.data(), buffer_.size); NextMount(&scan, &mount);) mounts_.push_back(mount);
}

bool Mounts::Find(const char* path, Mount* out) const {
  const Mount* found = nullptr;
  size_t longest = 0;
  char point[kMaxPath];
  for (const Mount& mount : mounts_) {
    // The escaped text is at least as long as the original.
    if (mount.point.size < longest || !Unescape(mount.point, point, sizeof(point)) || !IsBeneath(path, point)) continue;
    const size_t length = strlen(point);
    if (length < longest) continue;
    longest = length;
    found = &mount;
  }
  if (found == nullptr) return false;
  *out = *found;
  return true;
}

bool Mounts::IsLocal(const void* self, const char* path) {
  Mount mount;
  return static_cast<const Mounts*>(self)->Find(path, &mount) && mount.type.IsAnyOf(kLocal);
}

bool Mounts::ResolveLocal(const char* path, char (&real)[kMaxPath], Failure* why) const {
  if (IsLocalAllTheWay<kLinks>(path, IsLocal, this, real)) return true;
  Mount mount;
  if (why_.failed()) {
    *why = why_;
  } else if (!Find(real, &mount)) {
    snprintf(why->text, sizeof(why->text), "%.60s is on no mount that /proc/self/mountinfo shows, as in a chroot",
             real);
  } else if (!mount.type.IsAnyOf(kLocal)) {
    const int length = mount.type.size < 20 ? static_cast<int>(mount.type.size) : 20;
    snprintf(why->text, sizeof(why->text), "%.60s is on %.*s, a network or FUSE file system", real, length,
             mount.type.data);
  } else {
    why->SetErrno("readlink", real, ELOOP, "");
  }
  return false;
}

void MountWatch::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void MountWatch::Open(const Roots& roots) {
  Close();
  Text path;
  path.Set(roots.proc.get(), "/self/mountinfo");
  fd_ = open(path.get(), O_RDONLY | O_CLOEXEC);
  struct statfs where;
  // Only proc reports changes; on another file system, the file is a copy from another machine. (Not by fstat(), which
  // differs between C libraries.)
  always_ = fd_ < 0 || fstatfs(fd_, &where) != 0 || where.f_type != PROC_SUPER_MAGIC;
  if (always_) Close();
}

bool MountWatch::HasChanged(uint64_t now) {
  if (now < look_at_) return false;
  const bool first = look_at_ == 0;
  // Without notice, a check makes the caller read the whole table.
  look_at_ = now + (always_ && period_ < kSecond ? 4 * kSecond : period_);
  if (always_) return !first;
  // The kernel sets POLLERR and POLLPRI once per reader after a change.
  struct pollfd file = {fd_, POLLPRI, 0};
  return poll(&file, 1, 0) > 0;
}

bool MakeAbsolute(const char* path, Text* out, Failure* why) {
  char directory[kMaxPath] = "";
  if (path[0] != '/' && getcwd(directory, sizeof(directory)) == nullptr) {
    why->SetErrno("getcwd", "", errno, "the working directory is gone");
    return false;
  }
  out->Set(directory, path[0] == '\0' || path[0] == '/' ? "" : "/", path);
  if (out->size() < kMaxPath) return true;
  why->SetErrno("statvfs", out->get(), ENAMETOOLONG, "");
  return false;
}

}  // namespace tripline
