// Passes on a command's output and records when the command last wrote. Runs on a thread of its own, because the reader
// may stop reading, and writes to a console are always blocking.
#pragma once

#include "windows/win.h"

namespace tripline {

class Relay {
 public:
  Relay() = default;
  ~Relay() { Stop(); }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // Output goes to `target`, which the relay owns from then on. `input` receives the end for the command; the caller
  // closes it after the command has inherited it. `port` is notified, with `key`, at the end of the output.
  bool Open(HANDLE target, HANDLE port, ULONG_PTR key, HANDLE* input, Failure* why);
  // Starts passing output on.
  bool Start();
  // Discards what has not been passed on.
  void Stop();

  // Whether there may still be output to pass on.
  bool open() const;
  // When the command last wrote, in MonotonicNow() time; 0 before it has written anything.
  uint64_t written_at() const;

 private:
  struct Pipe;
  Pipe* pipe_ = nullptr;
};

}  // namespace tripline
