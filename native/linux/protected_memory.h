// Memory that other control groups hold under memory.min (version 2). The kernel reclaims none of it for anything
// outside of them, so it is not headroom, although memory.stat and MemAvailable count its page cache as reclaimable.
#pragma once

#include <memory>

#include "linux/file.h"
#include "util/list.h"

namespace tripline {

class ProtectedMemory {
 public:
  // Memory is reclaimed below the group whose path is the first `length` bytes of `own`: because of that group's limit
  // or, if it is the root, because the machine is short of memory. `own` is this process's group, which can use its own
  // protected memory. `descendants`: whether a group's protection is shared out among its descendants
  // (memory_recursiveprot).
  void Watch(const char* own, size_t length, bool descendants);
  void Forget() { own_.Set(""); }

  // How many of the bytes that count as reclaimable are protected. Searches for groups with memory.min every five
  // seconds, and reads their usage once per second.
  uint64_t Read(uint64_t now, Buffer* buffer);

 private:
  struct Group {
    Text directory;
    uint64_t protection;
  };

  void Search(Buffer* buffer);
  void AddChildren(const char* directory, const char* except, uint64_t most, Buffer* buffer);
  uint64_t HeldBy(const char* directory, uint64_t protection, uint32_t depth, Buffer* buffer) const;

  Text own_;
  size_t length_ = 0;
  bool descendants_ = false;
  List<std::unique_ptr<Group>> groups_;
  uint64_t search_at_ = 0;
  uint64_t read_at_ = 0;
  uint64_t held_ = 0;
};

}  // namespace tripline
