#include "linux/cgroup.h"

#include <unistd.h>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "linux/parse/cgroup.h"
#include "linux/parse/mountinfo.h"
#include "port/platform.h"

namespace tripline {

namespace {

constexpr uint64_t kPeriod = kSecond;
// The whole hierarchy is not searched every second.
constexpr uint64_t kSearchPeriod = 10 * kSecond;
constexpr uint32_t kMostSearched = 4096;  // groups
constexpr uint32_t kDeepestSearch = 16;   // levels; each takes 2 KB of the thread's stack

uint64_t HashOf(const char* data, size_t size) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (size_t i = 0; i < size; i++) hash = (hash ^ static_cast<unsigned char>(data[i])) * 1099511628211u;
  return hash | 1;
}

// The part of `path` beneath `root`, with its leading slash; nullptr if `path` is not beneath `root`.
const char* Below(const char* path, const char* root) {
  if (!IsBeneath(path, root)) return nullptr;
  const char* rest = path + (strcmp(root, "/") == 0 ? 0 : strlen(root));
  return strcmp(rest, "/") == 0 ? "" : rest;
}

bool LeadsOut(const char* path) { return strncmp(path, "/..", 3) == 0 && (path[3] == '/' || path[3] == '\0'); }

// Skips the leading "/.." parts of `*path` and returns how many there were.
uint32_t TakeLevelsUp(const char** path) {
  uint32_t levels = 0;
  for (; LeadsOut(*path); *path += 3) levels++;
  if (strcmp(*path, "/") == 0) (*path)++;
  return levels;
}

// How certain it is that a directory is this process's own group.
enum Proof : uint8_t {
  kNone,
  kAssumed,  // the mount point, where nothing shows which group it is
  kNamed,    // /proc/self/cgroup and mountinfo name it
  kListed,   // and this process is among its members
};

enum class Membership : uint8_t { kUnknown, kNo, kYes };

// Numbers in these files are those of our own pid namespace, whatever HOST_PROC is.
Membership MembershipIn(const char* group, Buffer* list) {
  // cgroup.procs of a threaded group cannot be read.
  for (const char* const name : {"/cgroup.procs", "/cgroup.threads"}) {
    File members;
    members.SetPath(group, name);
    if (!members.ReadPieces(1, list, 16)) continue;
    const auto own = static_cast<uint64_t>(getpid());
    uint64_t pid = 0;
    for (Scanner scan(list->data(), list->size); scan.Number(&pid); scan.SkipLine()) {
      if (pid == own) return Membership::kYes;
    }
    return Membership::kNo;
  }
  return Membership::kUnknown;
}

// If the hierarchy was mounted outside of this cgroup namespace, the mount also shows groups above the namespace's
// root. The "/../.." in mountinfo says how many levels above, but not by which names. Our own group is then found by
// its members, or because it is the only group at that depth.
class GroupSearch {
 public:
  GroupSearch(const char* rest, Buffer* list) : rest_(rest), list_(list) {}

  Proof Find(const char* directory, uint32_t levels, Text* path) {
    if (levels > kDeepestSearch) return kNone;
    Descend(directory, levels);
    path->Set(found_.get());
    if (listed_) return kListed;
    return left_ > 0 && possible_ == 1 ? kNamed : kNone;
  }

 private:
  void Descend(const char* directory, uint32_t levels) {
    if (levels == 0) return Consider(directory);
    DirectoryReader names(directory);
    while (const char* name = names.Next()) {
      if (!names.is_directory()) continue;
      if (left_ == 0) return;
      left_--;
      Text child;
      child.Set(directory, "/", name);
      Descend(child.get(), levels - 1);
      if (listed_) return;
    }
  }

  void Consider(const char* directory) {
    Text path;
    path.Set(directory, rest_);
    if (access(path.get(), F_OK) != 0) return;
    const Membership membership = MembershipIn(path.get(), list_);
    if (membership == Membership::kNo) return;
    listed_ = membership == Membership::kYes;
    possible_++;
    found_.Set(path.get());
  }

  const char* const rest_;
  Buffer* const list_;
  Text found_;
  uint32_t left_ = kMostSearched;
  uint32_t possible_ = 0;
  bool listed_ = false;
};

// The place of `group`, as /proc/self/cgroup names it, below a mount of its hierarchy at `base`, and how certain that
// is.
Proof FindIn(const char* base, const char* root, const char* group, Buffer* list, Text* path) {
  const char* below = Below(group, root);
  if (below != nullptr && !LeadsOut(below)) {
    path->Set(base, below);
    if (access(path->get(), F_OK) == 0) {
      return MembershipIn(path->get(), list) == Membership::kYes ? kListed : kNamed;
    }
  }
  const uint32_t up = TakeLevelsUp(&root);
  if (up > 0 && *root == '\0') {
    const uint32_t own_up = TakeLevelsUp(&group);
    return own_up < up ? GroupSearch(group, list).Find(base, up - own_up, path) : kNone;
  }
  // In a container that shares the host's cgroup namespace, the path may lead outside of the mount, or may be one of
  // the host's. The mount point is then taken as our group, unless its members show otherwise.
  path->Set(base);
  if (access(base, F_OK) != 0) return kNone;
  switch (MembershipIn(base, list)) {
    case Membership::kYes: return kListed;
    case Membership::kNo: return kNone;
    default: return kAssumed;
  }
}

}  // namespace

bool CgroupPlace::Update(uint64_t now, const Roots& roots, const char* controller, Buffer* buffer) {
  if (now < next_at_) return false;
  next_at_ = now + kPeriod;
  if (list_.path()[0] == '\0') list_.SetPath(roots.proc.get(), "/self/cgroup");
  const bool read = list_.Read(now, buffer);
  starved_ = !read && IsResourceShortage(list_.error());
  if (starved_) return false;
  if (!read) {
    const bool changed = version_ != 0 || hidden_;
    version_ = 0;
    hidden_ = false;
    hash_ = 0;
    return changed;
  }
  const uint64_t hash = HashOf(buffer->data(), buffer->size);
  if (hash == hash_) return false;
  hash_ = hash;
  Locate(now, roots, controller, buffer);
  return true;
}

// REQUIRES: `buffer` holds /proc/self/cgroup.
void CgroupPlace::Locate(uint64_t now, const Roots& roots, const char* controller, Buffer* buffer) {
  version_ = 0;
  hidden_ = false;
  path_.Set("");
  // Paths in both kinds of hierarchy; the controller is in only one of them.
  Text group[3];
  CgroupLine line;
  for (Scanner scan(buffer->data(), buffer->size); NextCgroupLine(&scan, &line);) {
    if (line.controllers.size == 0) {
      group[2].SetPart(line.path.data, line.path.size);
    } else if (ListHas(line.controllers, controller)) {
      group[1].SetPart(line.path.data, line.path.size);
    }
  }
  const int version = group[1].empty() ? 2 : 1;
  if (group[version].empty()) return;

  // These lists are long on some machines, so they are not kept in the permanent buffer.
  Buffer list, members;
  File mounts;
  mounts.SetPath(roots.proc.get(), "/self/mountinfo");
  if (!mounts.ReadPieces(1, &list)) {
    starved_ = IsResourceShortage(mounts.error());
    // Read again at the next update, even if the list of groups has not changed.
    if (starved_) Forget();
    return;
  }
  Proof best = kNone;
  Mount mount;
  for (Scanner scan(list.data(), list.size); NextMount(&scan, &mount);) {
    const bool fits =
        version == 1 ? mount.type.Is("cgroup") && ListHas(mount.super_options, controller) : mount.type.Is("cgroup2");
    char root[kMaxPath], point[kMaxPath];
    if (!fits || !Unescape(mount.root, root, sizeof(root)) || !Unescape(mount.point, point, sizeof(point))) continue;
    Text base, path;
    const bool in_sys = IsBeneath(point, "/sys");
    base.Set(in_sys ? roots.sys.get() : "", in_sys ? point + 4 : point);
    const Proof proof = FindIn(base.get(), root, group[version].get(), &members, &path);
    hidden_ = hidden_ || access(base.get(), F_OK) == 0;
    // The same hierarchy may be mounted more than once. Among equally certain mounts the last one counts, because it
    // covers the others.
    if (proof == kNone || proof < best || (proof == best && proof == kAssumed)) continue;
    best = proof;
    version_ = version;
    top_ = base.size();
    path_.Set(path.get());
    protects_descendants_ = ListHas(mount.super_options, "memory_recursiveprot");
  }
  proven_ = best == kListed;
  hidden_ = hidden_ && best == kNone;
  // The group may be mounted later, or be moved into a mounted part, without a change of its name.
  if (!hidden_) return;
  hash_ = 0;
  next_at_ = now + kSearchPeriod;
}

void CgroupPlace::Explain(Failure* out) const {
  out->Set(hidden_ ? "this process's cgroup is not found below the mounts of its hierarchy, so its limits are unknown"
                   : "no descriptors or memory left for looking up the limits of the cgroup");
}

bool CgroupPlace::Parent(size_t* length) const {
  size_t at = *length;
  if (at <= top_) return false;
  while (at > top_ && path_.get()[at - 1] != '/') at--;
  if (at > top_) at--;
  *length = at < top_ ? top_ : at;
  return true;
}

uint32_t CgroupPlace::CountLevels() const {
  uint32_t levels = 1;
  for (size_t length = size(); Parent(&length);) levels++;
  return levels;
}

bool CountsChildren(const char* directory, Buffer* buffer) {
  Text name;
  name.Set(directory, "/memory.use_hierarchy");
  return !ReadOnce(name.get(), buffer) || buffer->size == 0 || buffer->data()[0] != '0';
}

}  // namespace tripline
