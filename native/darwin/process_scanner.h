// Which processes belong to a command, and signals to all of them. For the supervisor: system calls only
// (posix/bare.h).
#pragma once

#include <cstdint>

#include "darwin/command_group.h"
#include "darwin/process_list.h"
#include "posix/bare.h"

namespace tripline {

class ProcessScanner {
 public:
  struct ProcessEntry {
    int32_t pid;
    uint32_t place;  // in the family
    uint64_t id;     // with the pid, the identity of a process
    char state;
  };

  ProcessScanner() = default;
  ProcessScanner(const ProcessScanner&) = delete;
  ProcessScanner& operator=(const ProcessScanner&) = delete;
  ~ProcessScanner();

  // Takes the memory that it needs. False when there is none.
  bool Open();

  // From now on everybody who descends from `root` is looked for and kept in the group, whoever its parent becomes.
  // handle() is readable when a member has forked or ended: Hear() then looks.
  bool Follow(CommandGroup* group, int32_t root, const char* marker);
  int handle() const { return queue_; }
  void Hear();
  // When Hear() is due, though the handle is silent.
  uint64_t hear_at() const {
    const uint64_t due_at = due_ ? look_at_ : UINT64_MAX;
    return blind_ ? UINT64_MAX : due_at < again_at_ ? due_at : again_at_;
  }
  // Whether nobody is left.
  bool IsEmpty();

  // Whether the process list is kept from us: nobody is found.
  bool blind() const { return blind_; }

  // Looks for all members but zombies, of which most are nobody's child any more. Returns how many there are.
  uint32_t FindDescendants(int32_t root);
  // What is left of a tree whose supervisor is dead.
  uint32_t FindLeft(CommandGroup* group, const char* marker);

  const ProcessEntry& operator[](uint32_t index) const { return found_[index]; }
  uint32_t count() const { return count_; }

  // Whether it still is the same process, and could be signaled. Sets errno where not.
  static bool Signal(const ProcessEntry& entry, int signal);

  // Remembers that these have been told something.
  bool WasTold(const ProcessEntry& entry) const { return (*tree_)[entry.place].told; }
  void SetTold(const ProcessEntry& entry) { (*tree_)[entry.place].told = true; }
  void ForgetTold();

 private:
  uint32_t Look(const char* marker, bool everybody);
  void Watch(darwin::Member* member);

  darwin::ProcessList process_list_;
  darwin::ProcessTree* tree_ = nullptr;
  ProcessEntry* found_ = nullptr;
  uint32_t count_ = 0;
  bare::Line marker_;
  int queue_ = -1;
  bool blind_ = false;
  uint64_t again_at_ = UINT64_MAX;
  bool due_ = false;
  uint64_t look_at_ = 0;
};

}  // namespace tripline
