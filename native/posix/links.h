// Following symbolic links without touching a server.
#pragma once

#include <string.h>
#include <unistd.h>

#include <cstddef>

namespace tripline {

// Whether nothing on the way of an absolute path is where `is_local` says no; each step is looked at only once the one
// before it is known to be here. `real` is then the path without links, and otherwise as far as that went. `kLinks`: as
// many as the kernel follows.
template <int kLinks, size_t kPathSize>
bool IsLocalAllTheWay(const char* path, bool (*is_local)(const void* mounts, const char* path), const void* mounts,
                      char (&real)[kPathSize]) {
  char rest[kPathSize], target[kPathSize];
  strcpy(real, "/");
  size_t size = strlen(path);
  if (size >= sizeof(rest)) return false;
  memcpy(rest, path, size + 1);
  size_t done = 0;  // of `real`, whose end is never a slash while more is to come
  int links = 0;
  for (const char* step = rest;;) {
    step += strspn(step, "/");
    if (*step == '\0') {
      if (done > 0) return true;
      strcpy(real, "/");
      return is_local(mounts, real);
    }
    const size_t length = strcspn(step, "/");
    const char* name = step;
    step += length;
    if (length == 1 && name[0] == '.') continue;
    if (length == 2 && name[0] == '.' && name[1] == '.') {
      while (done > 0 && real[--done] != '/') {
      }
      real[done] = '\0';
      continue;
    }
    const size_t before = done;
    if (before + length + 2 > sizeof(real)) return false;
    real[before] = '/';
    memcpy(real + before + 1, name, length);
    done = before + 1 + length;
    real[done] = '\0';
    if (!is_local(mounts, real)) return false;
    const ssize_t linked = readlink(real, target, sizeof(target) - 1);
    if (linked < 0) continue;  // no link, or nothing at all
    size = strlen(step);
    if (++links > kLinks || static_cast<size_t>(linked) + size >= sizeof(target)) return false;
    memmove(target + linked, step, size + 1);
    memcpy(rest, target, static_cast<size_t>(linked) + size + 1);
    step = rest;
    done = rest[0] == '/' ? 0 : before;
    real[done] = '\0';
  }
}

}  // namespace tripline
