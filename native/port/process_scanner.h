// Finds the processes that belong to a command, and signals them. Implemented by the OS folders of POSIX systems, for
// native/posix: the supervisor uses it to follow its command, and the process that started the supervisor uses it to
// clean up after a supervisor that was killed. System calls only (posix/bare.h), on memory that Open() maps.
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
    uint64_t id;  // the pair of pid and id is never used for another process
  };

  ProcessScanner();
  ProcessScanner(const ProcessScanner&) = delete;
  ProcessScanner& operator=(const ProcessScanner&) = delete;
  ~ProcessScanner();

  // Maps the memory that the scanner needs. False when there is none; nothing else may be called then.
  bool Open();

  // ---- for the supervisor

  // Starts to follow the descendants of `root`, the calling process. `marker` is a text in the environment of the
  // command, by which the scanner finds processes that the process list does not link to the root. False with errno
  // where that is impossible.
  bool Follow(CommandGroup* group, int32_t root, const char* marker);
  // A descriptor that is readable when a process of the tree may have forked or ended: Update() is due then.
  int handle() const;
  // When Update() is due even if the handle is not readable; kNever for never. MonotonicNow() time.
  uint64_t update_at() const;
  // Processes what has happened, and makes the handle unreadable again.
  void Update();
  // Whether no process of the tree is left. For a caller that has no children of its own left.
  bool IsEmpty();

  // Whether processes cannot be found here at all, because the process list is hidden or is another namespace's.
  bool blind() const;

  // ---- what was found, valid until the next search

  // Searches for all descendants of `root`, excluding `root` and zombies. Returns how many there are; 0 where blind().
  uint32_t FindDescendants(int32_t root);
  // The same for a tree whose supervisor is dead, in the process that started it.
  uint32_t FindSurvivors(CommandGroup* group, const char* marker);

  // Whether the last FindDescendants() saw dead processes only: they were not reaped, as a debugger can delay that.
  bool only_dead() const;

  const ProcessEntry& operator[](uint32_t index) const;
  uint32_t count() const;

  // Whether the process at that index has been marked as signaled. The mark survives later searches.
  bool WasSignaled(uint32_t index) const;
  void SetSignaled(uint32_t index);
  void ForgetSignaled();

  // Signals a process unless its pid now belongs to another one. False with errno; ESRCH where the process is gone.
  static bool Signal(const ProcessEntry& process, int signal);

 private:
  OsState<640> os_;
};

}  // namespace tripline
