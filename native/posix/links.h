// Follows symbolic links without touching a network server.
#pragma once

#include <string.h>
#include <unistd.h>

#include <cstddef>

namespace tripline {

// Whether every step of an absolute path, with links followed, is local according to `is_local`. A step is read only
// after the one before it is known to be local. `real` receives the path without links, as far as it was resolved.
// `kLinks`: how many links the kernel follows at most.
template <int kLinks, size_t kPathSize>
bool IsLocalAllTheWay(const char* path, bool (*is_local)(const void* mounts, const char* path), const void* mounts,
                      char (&real)[kPathSize]) {
  char rest[kPathSize], target[kPathSize];
  strcpy(real, "/");
  size_t size = strlen(path);
  if (size >= sizeof(rest)) return false;
  memcpy(rest, path, size + 1);
  size_t done = 0;  // length of `real` so far; it does not end in a slash while steps are left
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
    if (linked < 0) continue;  // not a link, or nothing there
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
