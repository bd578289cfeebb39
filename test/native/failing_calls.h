// Reads and opens of linux/file.h that fail a number of times and then succeed.
#pragma once

#include <cerrno>

#include "linux/file.h"

namespace tripline::test {

// Replaces reads, and if asked to opens, while it exists.
class FailingCalls {
 public:
  explicit FailingCalls(bool with_opens = false) : real_(file_calls) {
    file_calls.pread = Read;
    if (with_opens) file_calls.open = Open;
    current = this;
  }
  ~FailingCalls() {
    file_calls = real_;
    current = nullptr;
  }
  FailingCalls(const FailingCalls&) = delete;
  FailingCalls& operator=(const FailingCalls&) = delete;

  // The next `times` calls fail with this error.
  void Fail(int error, int times = 1) {
    error_ = error;
    times_ = times;
  }

 private:
  static inline FailingCalls* current = nullptr;

  bool Fails() {
    if (times_ == 0) return false;
    times_--;
    errno = error_;
    return true;
  }
  static ssize_t Read(int fd, void* data, size_t size, off_t offset) {
    return current->Fails() ? -1 : current->real_.pread(fd, data, size, offset);
  }
  static int Open(const char* path) { return current->Fails() ? -1 : current->real_.open(path); }

  const FileCalls real_;
  int error_ = 0;
  int times_ = 0;
};

}  // namespace tripline::test
