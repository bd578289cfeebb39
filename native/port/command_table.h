// A table with one entry per running command, found by a process id of the command.
#pragma once

#include <cstdint>

#include "port/platform.h"
#include "util/list.h"

namespace tripline {

// Made with `new` and never destroyed: threads use it until the process ends.
template <typename T>
class CommandTable {
 public:
  void Add(int64_t pid, T value) EXCLUDES(mutex_) {
    const MutexLock lock(&mutex_);
    entries_.push_back({pid, value});
  }

  void Remove(int64_t pid) EXCLUDES(mutex_) {
    const MutexLock lock(&mutex_);
    for (size_t i = entries_.size(); i-- > 0;) {
      if (entries_[i].pid == pid) entries_.erase(&entries_[i]);
    }
  }

  // Calls `use` with the command's entry, which cannot be removed until `use` returns. False where there is no entry.
  template <typename Use>
  bool With(int64_t pid, Use use) EXCLUDES(mutex_) {
    const MutexLock lock(&mutex_);
    for (Entry& each : entries_) {
      if (each.pid != pid) continue;
      use(each.value);
      return true;
    }
    return false;
  }

  bool Has(int64_t pid) EXCLUDES(mutex_) {
    return With(pid, [](T&) {});
  }

 private:
  struct Entry {
    int64_t pid;
    T value;
  };

  Mutex mutex_;
  List<Entry> entries_ GUARDED_BY(mutex_);
};

}  // namespace tripline
