// Decides which processes belong to a command on a system where orphans become children of process 1. Works on plain
// records of the process list, so it is tested on every system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "posix/marker.h"

namespace tripline::darwin {

// One line of the process list.
struct Process {
  int32_t pid = 0;
  int32_t parent = 0;  // its current parent
  int32_t group = 0;
  char state = 'R';  // 'T' is stopped, 'Z' is a zombie
  bool marked = false;
  bool taken = false;
  // Differs from that of every other process that has had the same pid, and is larger than that of any older process.
  uint64_t id = 0;
  // The id of the process that forked it, even after that process is gone. 0 where the system does not report it.
  uint64_t parent_id = 0;
};

struct Member {
  uint64_t id;
  int32_t pid;
  int32_t group;
  char state;
  uint8_t missed;   // scans since it was last seen
  bool owns_group;  // all processes in its process group belong to the tree
  bool signaled;
  bool watched;
};

// The members of one tree, kept from scan to scan. Zeroed memory is a valid tree without a root. Another process may
// read it while it changes, so a reader must verify the id of a member.
class ProcessTree {
 public:
  static constexpr uint32_t kMost = 1 << 15;

  // The root itself is not a member. `by_group`: the root is a supervisor, so a process group that a member leads
  // contains only members.
  void SetRoot(int32_t pid, uint64_t id, bool by_group) {
    root_pid_ = pid;
    root_id_ = id;
    by_group_ = by_group;
  }

  // Whether the process could belong to the tree: all members were started after the root.
  bool IsYounger(const Process& one) const { return one.pid > 1 && one.pid != root_pid_ && one.id >= root_id_; }

  // Whether only the marker can decide, because the process is an orphan of an unknown process. `first` is the id of
  // process 1, whose own children are not orphans.
  bool IsStray(const Process& one, uint64_t first) const {
    return one.parent == 1 && IsYounger(one) && (one.parent_id == 0 || one.parent_id != first) && Find(one) == kMost &&
           !HasId(one.parent_id);
  }

  void Update(Process* list, uint32_t size) {
    // A child whose parent has ended shows up in the scan that notices the end, or in the next one. No member is kept
    // for longer, because the ids of processes and groups are used again.
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count_; i++) {
      if (members_[i].missed >= kGrace) continue;
      members_[kept] = members_[i];
      members_[kept++].missed++;
    }
    count_ = kept;
    for (uint32_t i = 0; i < size; i++) {
      const uint32_t place = Find(list[i]);
      list[i].taken = false;
      if (place != kMost) Meet(&members_[place], &list[i]);
    }
    // A child may be listed before its parent.
    for (bool grown = true; grown;) {
      grown = false;
      for (uint32_t i = 0; i < size && count_ < kMost; i++) {
        if (list[i].taken || !Belongs(list[i])) continue;
        members_[count_] = Member();
        Meet(&members_[count_++], &list[i]);
        grown = true;
      }
    }
  }

  uint32_t count() const { return count_; }
  Member& operator[](uint32_t place) { return members_[place]; }
  const Member& operator[](uint32_t place) const { return members_[place]; }
  // Whether a member is running or stopped.
  static bool IsAlive(const Member& member) { return member.missed == 0 && member.state != 'Z'; }

 private:
  static constexpr uint8_t kGrace = 2;

  uint32_t Find(const Process& one) const {
    for (uint32_t i = 0; i < count_; i++) {
      if (members_[i].id == one.id && members_[i].pid == one.pid) return i;
    }
    return kMost;
  }

  bool HasId(uint64_t id) const {
    for (uint32_t i = 0; id != 0 && i < count_; i++) {
      if (members_[i].id == id) return true;
    }
    return false;
  }

  bool HasNumber(int32_t pid) const {
    for (uint32_t i = 0; i < count_; i++) {
      if (members_[i].pid == pid && IsAlive(members_[i])) return true;
    }
    return false;
  }

  bool HasGroup(int32_t group) const {
    for (uint32_t i = 0; i < count_; i++) {
      if (members_[i].owns_group && members_[i].group == group && members_[i].missed == 0) return true;
    }
    return false;
  }

  bool Belongs(const Process& one) const {
    if (!IsYounger(one)) return false;
    // Use the process that forked it: the current parent may be a debugger that has attached later.
    if (one.parent_id != 0) {
      if (one.parent_id == root_id_ || HasId(one.parent_id)) return true;
    } else if (one.parent == root_pid_ || HasNumber(one.parent)) {
      return true;
    }
    return (by_group_ && HasGroup(one.group)) || one.marked;
  }

  void Meet(Member* member, Process* seen) {
    const bool is_new = member->id == 0;
    seen->taken = true;
    if (is_new || member->group != seen->group) member->owns_group = HasGroup(seen->group);
    member->id = seen->id;
    member->pid = seen->pid;
    member->group = seen->group;
    member->state = seen->state;
    member->missed = 0;
    // A group has the id of the process that made it. As long as a process is in the group, no other group gets that
    // id.
    for (uint32_t i = 0; i < count_; i++) {
      if (members_[i].pid == member->group) member->owns_group = true;
      if (is_new && members_[i].group == member->pid) members_[i].owns_group = true;
    }
  }

  int32_t root_pid_;
  bool by_group_;
  uint64_t root_id_;
  uint32_t count_;
  Member members_[kMost];
};

// Whether `marker` is in the environment part of a KERN_PROCARGS2 block, which holds the number of arguments, the path
// of the program, NULs, the arguments and the environment.
inline bool HasMarker(const char* block, size_t size, const char* marker) {
  int32_t left = 0;
  if (size < sizeof(left)) return false;
  memcpy(&left, block, sizeof(left));
  size_t at = sizeof(left);
  while (at < size && block[at] != '\0') at++;
  while (at < size && block[at] == '\0') at++;
  for (; left > 0 && at < size; left--) {
    while (at < size && block[at] != '\0') at++;
    at++;
  }
  MarkerSearch search(marker);
  if (at < size) search.Read(block + at, size - at);
  return search.found();
}

}  // namespace tripline::darwin
