// The process list. System calls only, for the supervisor of a command.
#pragma once

#include "darwin/process_tree.h"

namespace tripline::darwin {

// One process, also one that has ended and was not reaped. False where there is none, or nothing distinguishes it from
// others.
bool ReadProcess(int32_t pid, Process* one);

class ProcessList {
 public:
  // Maps its memory; false when there is none. Its owner closes it: an object of the port has no destructor for it.
  bool Open();
  void Close();

  // All processes that can be read. Where there is a `marker`, it is searched for in the environment of strays of the
  // tree, or of `all` processes that could be of it. 0 where the list is hidden.
  uint32_t Read(const ProcessTree& tree, const char* marker, bool all);

  Process* get() { return list_; }

 private:
  bool IsMarked(int32_t pid, const char* marker);

  void* memory_ = nullptr;
  Process* list_ = nullptr;
  int32_t* pids_ = nullptr;
  char* block_ = nullptr;
};

// Memory that costs something only where it is used, `shared` with processes that are forked later. nullptr if none.
void* Reserve(size_t size, bool shared);

}  // namespace tripline::darwin
