// The process list. System calls only, for the supervisor of a command.
#pragma once

#include "darwin/process_tree.h"

namespace tripline::darwin {

// Reads one process, which may be a zombie. False if there is no such process, or nothing identifies it uniquely.
bool ReadProcess(int32_t pid, Process* one);

class ProcessList {
 public:
  // Maps the list's memory; false when there is none. The owner calls Close(), because an object of the port has no
  // destructor.
  bool Open();
  void Close();

  // Reads all processes that this process may read. A `marker` is searched for in the environment of the tree's strays,
  // or with `all` of every process that could belong to the tree. 0 where the list is hidden.
  uint32_t Read(const ProcessTree& tree, const char* marker, bool all);

  Process* get() { return list_; }

 private:
  bool IsMarked(int32_t pid, const char* marker);

  void* memory_ = nullptr;
  Process* list_ = nullptr;
  int32_t* pids_ = nullptr;
  char* block_ = nullptr;
};

// Maps memory of which only the used pages cost anything; `shared`: with processes that are forked later. nullptr on
// failure.
void* Reserve(size_t size, bool shared);

}  // namespace tripline::darwin
