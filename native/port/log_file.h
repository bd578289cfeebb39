// The file of a flight log, and the wall clock. The file is written by calls and not mapped: if it is truncated, or its
// disk fails, a call returns an error, where an access to mapped memory would end the process. Implemented by each OS
// folder; native/posix serves Linux and macOS.
#pragma once

#include <cstddef>
#include <cstdint>

#include "port/probe.h"

namespace tripline {

// Milliseconds since 1970.
double WallNow();

class LogFile {
 public:
  LogFile() = default;
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  ~LogFile();

  // Creates a file that only this user can read, locks it for as long as it is open, and writes all of its content,
  // so that its space is there. If that fails, the file may be left. Follows no link and replaces nothing.
  bool Create(const char* path, const void* bytes, size_t size, Failure* why);

  // May be called on several threads at once, and without `why` in a signal handler.
  bool Write(uint64_t offset, const void* bytes, size_t size, Failure* why) const;

  // Releases the lock before the file is closed.
  void Unlock();

  // Waits until everything is on the disk.
  void Flush();

 private:
  intptr_t handle_ = -1;
};

}  // namespace tripline
