// Which processes belong to a command, and signals to all of them. Implemented by the OS folders of POSIX systems, for
// native/posix: the supervisor follows its command with it, and the process that started it cleans up when the
// supervisor was killed. System calls only (posix/bare.h), on memory that Open() maps.
#pragma once

#include <cstdint>

#include "port/command_group.h"
#include "port/os_state.h"

namespace tripline {

class ProcessScanner {
 public:
  struct ProcessEntry {
    int32_t pid;
    char state;   // 'T' where it is stopped
    uint64_t id;  // together with the pid, it is never that of another process
  };

  ProcessScanner();
  ProcessScanner(const ProcessScanner&) = delete;
  ProcessScanner& operator=(const ProcessScanner&) = delete;
  ~ProcessScanner();

  // Maps the memory that it needs. False when there is none; nothing else may be called then.
  bool Open();

  // ---- for the supervisor

  // Starts to follow what descends from `root`, the calling process. `marker` is a text in the environment of the
  // command, which finds what the process list alone does not. False with errno where that is impossible.
  bool Follow(CommandGroup* group, int32_t root, const char* marker);
  // A descriptor that is readable when a process of the tree may have forked or ended: Update() is due then.
  int handle() const;
  // When Update() is due though the handle is silent; kNever for never. MonotonicNow() time.
  uint64_t update_at() const;
  // Takes in what has happened, and makes the handle silent again.
  void Update();
  // Whether no process of the tree is left, for a caller that has no children left.
  bool IsEmpty();

  // Whether processes cannot be found here at all, because the process list is hidden or is another namespace's.
  bool blind() const;

  // ---- what is found, until the next search

  // Searches for all descendants of `root`, without it and without zombies. Returns how many there are; 0 where
  // blind().
  uint32_t FindDescendants(int32_t root);
  // The same for a tree whose supervisor is dead, in the process that started it.
  uint32_t FindSurvivors(CommandGroup* group, const char* marker);

  const ProcessEntry& operator[](uint32_t index) const;
  uint32_t count() const;

  // Whether the process of that index has been marked as signaled, which outlasts searches.
  bool WasSignaled(uint32_t index) const;
  void SetSignaled(uint32_t index);
  void ForgetSignaled();

  // Signals a process unless its number has been given to another one. False with errno, ESRCH where it has gone.
  static bool Signal(const ProcessEntry& process, int signal);

 private:
  OsState<640> os_;
};

}  // namespace tripline
