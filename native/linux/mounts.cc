#include "linux/mounts.h"

#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace tripline {

namespace {

constexpr int kLinks = 40;  // as many symbolic links as the kernel follows

// File systems that answer from this machine's own memory and disks.
constexpr const char* kLocal =
    "ext4\0ext3\0ext2\0xfs\0btrfs\0f2fs\0overlay\0tmpfs\0ramfs\0rootfs\0devtmpfs\0vfat\0exfat\0msdos\0"
    "ntfs3\0ntfs\0squashfs\0erofs\0zfs\0bcachefs\0jffs2\0ubifs\0nilfs2\0jfs\0reiserfs\0hfsplus\0hfs\0"
    "iso9660\0udf\0aufs\0romfs\0cramfs\0proc\0sysfs\0cgroup\0cgroup2\0devpts\0mqueue\0hugetlbfs\0"
    "debugfs\0tracefs\0securityfs\0pstore\0bpf\0configfs\0efivarfs\0";

}  // namespace

Mounts::Mounts(const Roots& roots) {
  File file;
  file.SetPath(roots.proc.get(), "/self/mountinfo");
  known_ = file.ReadPieces(1, &buffer_);
  if (known_ || !roots.other_proc) return;
  // Another machine's files: paths are still ours.
  file.SetPath("/proc/self/mountinfo");
  known_ = file.ReadPieces(1, &buffer_);
}

bool Mounts::Find(const char* path, Mount* out) const {
  if (!known_) return false;
  Mount mount;
  size_t longest = 0;
  char point[kMaxPath];
  for (Scanner scan(buffer_.data(), buffer_.size); NextMount(&scan, &mount);) {
    if (!Unescape(mount.point, point, sizeof(point)) || !IsBeneath(path, point)) continue;
    if (strlen(point) < longest) continue;
    longest = strlen(point);
    *out = mount;
  }
  return longest > 0;
}

bool Mounts::IsLocal(const char* path) const {
  Mount mount;
  return Find(path, &mount) && mount.type.IsAnyOf(kLocal);
}

bool Mounts::ResolveLocal(const char* path, char* real) const {
  char rest[kMaxPath];
  if (strlen(path) >= sizeof(rest)) return false;
  strcpy(rest, path);
  strcpy(real, "/");
  int links = 0;
  if (!IsLocal(real)) return false;
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
      char* slash = strrchr(real, '/');
      slash[slash == real ? 1 : 0] = '\0';
      memmove(rest, after, strlen(after) + 1);
      continue;
    }
    char next[kMaxPath];
    if (strlen(real) + length + 2 > sizeof(next)) return false;
    strcpy(next, real);
    if (real[1] != '\0') strcat(next, "/");
    strncat(next, name, length);
    if (!IsLocal(next)) return false;
    char link[kMaxPath];
    const ssize_t size = readlink(next, link, sizeof(link) - 1);
    if (size <= 0) {
      memmove(rest, after, strlen(after) + 1);
      strcpy(real, next);
      continue;
    }
    if (++links > kLinks || static_cast<size_t>(size) + strlen(after) + 1 > sizeof(rest)) return false;
    link[size] = '\0';
    strcat(link, after);
    strcpy(rest, link);
    if (link[0] == '/') strcpy(real, "/");
  }
}

bool MakeAbsolute(const char* path, Text* out, Failure* why) {
  char directory[kMaxPath] = "";
  if (path[0] != '/' && getcwd(directory, sizeof(directory)) == nullptr) {
    why->SetErrno("getcwd", "", errno, "the working directory is gone");
    return false;
  }
  out->Set(directory, path[0] == '\0' || path[0] == '/' ? "" : "/", path);
  return true;
}

}  // namespace tripline
