// Which processes belong to a command, and signals to all of them. For the supervisor: system calls only
// (posix/bare.h).
#pragma once

#include <sys/types.h>
#include <cstddef>
#include <cstdint>

#include "linux/command_group.h"
#include "port/platform.h"

namespace tripline {

class ProcessScanner {
 public:
  struct ProcessEntry {
    int32_t pid;
    int32_t parent;
    uint64_t start;  // with the pid, the identity of a process
    char state;
  };

  ProcessScanner() = default;
  ProcessScanner(const ProcessScanner&) = delete;
  ProcessScanner& operator=(const ProcessScanner&) = delete;
  ~ProcessScanner();

  // Takes the memory that it needs. False when there is none.
  bool Open();

  // For the supervisor: from now on handle() is readable when a child has ended, until Hear() is called. Every orphan
  // is a child here, so that there is nothing else to follow.
  bool Follow(CommandGroup* group, int32_t root, const char* marker);
  int handle() const { return children_; }
  void Hear();
  // When Hear() is due, though the handle is silent.
  uint64_t hear_at() const { return kNever; }
  // Whether nobody is left, where there are no children.
  bool IsEmpty() const { return true; }

  // Whether /proc is not that of our pid namespace: its numbers are other processes', and nobody is found.
  bool blind() const { return blind_; }

  // Looks for everybody that descends from `root`, without it, and without zombies. Orphans go to the nearest subreaper
  // above them, so nobody gets out from under one. Returns how many there are.
  uint32_t FindDescendants(int32_t root);
  // Looks for everybody in whose environment `marker` occurs, but us.
  uint32_t FindMarked(const char* marker);
  // What is left of a tree whose supervisor is dead.
  uint32_t FindLeft(CommandGroup*, const char* marker) { return FindMarked(marker); }

  const ProcessEntry& operator[](uint32_t index) const { return found_[index]; }
  uint32_t count() const { return count_; }

  // Whether it still is the same process, and could be signaled. Sets errno where not.
  static bool Signal(const ProcessEntry& entry, int signal);

  // Remembers that these have been told something; Forget() starts anew.
  bool WasTold(const ProcessEntry& entry) const { return (told_[entry.pid / 64] >> (entry.pid % 64) & 1) != 0; }
  void SetTold(const ProcessEntry& entry) { told_[entry.pid / 64] |= uint64_t{1} << (entry.pid % 64); }
  void ForgetTold();

 private:
  void ReadAll();

  ProcessEntry* found_ = nullptr;
  uint32_t count_ = 0;
  // One bit for each pid that there can be.
  uint64_t* member_ = nullptr;
  uint64_t* told_ = nullptr;
  bool blind_ = false;
  int children_ = -1;
};

}  // namespace tripline
