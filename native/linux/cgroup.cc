#include "linux/cgroup.h"

#include <unistd.h>
#include <cstring>

#include "linux/parse/cgroup.h"
#include "linux/parse/mountinfo.h"
#include "port/platform.h"

namespace tripline {

namespace {

uint64_t HashOf(const char* data, size_t size) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (size_t i = 0; i < size; i++) hash = (hash ^ static_cast<unsigned char>(data[i])) * 1099511628211u;
  return hash | 1;
}

// What `path` is beneath `root`, with its leading slash; nullptr where it is not beneath it.
const char* Below(const char* path, const char* root) {
  if (!IsBeneath(path, root)) return nullptr;
  const char* rest = path + (strcmp(root, "/") == 0 ? 0 : strlen(root));
  return strcmp(rest, "/") == 0 ? "" : rest;
}

}  // namespace

bool CgroupPlace::Update(uint64_t now, const Roots& roots, const char* controller, Buffer* buffer) {
  if (checked_at_ != 0 && now - checked_at_ < kSecond) return false;
  checked_at_ = now;
  if (list_.path()[0] == '\0') list_.SetPath(roots.proc.get(), "/self/cgroup");
  const bool read = list_.Read(now, buffer);
  wanting_ = !read && IsResourceShortage(list_.error());
  if (wanting_) return false;
  if (!read) {
    const bool changed = version_ != 0;
    version_ = 0;
    hash_ = 0;
    return changed;
  }
  const uint64_t hash = HashOf(buffer->data(), buffer->size);
  if (hash == hash_) return false;
  hash_ = hash;
  Locate(roots, controller, buffer);
  return true;
}

// REQUIRES: `buffer` holds /proc/self/cgroup.
void CgroupPlace::Locate(const Roots& roots, const char* controller, Buffer* buffer) {
  version_ = 0;
  path_.Set("");
  // Paths in both kinds of hierarchy; the controller is in one of them only.
  Text group[3];
  CgroupLine line;
  for (Scanner scan(buffer->data(), buffer->size); NextCgroupLine(&scan, &line);) {
    if (line.controllers.size == 0) {
      group[2].SetPart(line.path.data, line.path.size);
    } else if (ListHas(line.controllers, controller)) {
      group[1].SetPart(line.path.data, line.path.size);
    }
  }

  // A long list on some machines, so it is not kept in the buffer that stays.
  Buffer list;
  File mounts;
  mounts.SetPath(roots.proc.get(), "/self/mountinfo");
  if (!mounts.ReadPieces(1, &list)) {
    wanting_ = IsResourceShortage(mounts.error());
    // Looked at anew with the next update, though the list of groups will be the same.
    if (wanting_) hash_ = 0, checked_at_ = 0;
    return;
  }
  Mount mount;
  for (Scanner scan(list.data(), list.size); NextMount(&scan, &mount);) {
    int version = 0;
    if (mount.type.Is("cgroup") && ListHas(mount.super_options, controller)) version = 1;
    if (mount.type.Is("cgroup2")) version = 2;
    if (version == 0 || group[version].empty()) continue;
    // A controller that version 1 has is not to be had from version 2.
    if (version == 2 && version_ == 1) continue;

    char root[kMaxPath], point[kMaxPath];
    if (!Unescape(mount.root, root, sizeof(root)) || !Unescape(mount.point, point, sizeof(point))) continue;
    Text base;
    const bool in_sys = IsBeneath(point, "/sys");
    base.Set(in_sys ? roots.sys.get() : "", in_sys ? point + 4 : point);
    // In a container that shares the host's cgroup namespace the path may lead outside of what is mounted ("/../x", or
    // a group of the host's): then the mount point is our group.
    const char* below = Below(group[version].get(), root);
    Text path;
    path.Set(base.get(), below == nullptr || strncmp(below, "/..", 3) == 0 ? "" : below);
    bool direct = below != nullptr;
    if (access(path.get(), F_OK) != 0) {
      path.Set(base.get());
      direct = false;
      if (access(path.get(), F_OK) != 0) continue;
    }
    // The same hierarchy may be mounted twice; the mount that shows our own group is the better one.
    if (version == version_ && !direct) continue;
    version_ = version;
    top_ = base.size();
    path_.Set(path.get());
  }
}

bool CgroupPlace::Parent(size_t* length) const {
  size_t at = *length;
  if (at <= top_) return false;
  while (at > top_ && path_.get()[at - 1] != '/') at--;
  if (at > top_) at--;
  *length = at < top_ ? top_ : at;
  return true;
}

}  // namespace tripline
