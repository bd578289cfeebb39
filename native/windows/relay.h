// Passes on what a command writes, to know when it has last written anything. On a thread of its own, because the
// reader may stop reading, and a write to a console cannot be waited for.
#pragma once

#include "windows/win.h"

namespace tripline {

class Relay {
 public:
  Relay() = default;
  ~Relay() { Stop(); }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // `target` is where everything goes; taken over. The end for the command comes back in `input`, to be closed once it
  // has it. `port` is notified, with `key`, when nothing more comes.
  bool Open(HANDLE target, HANDLE port, ULONG_PTR key, HANDLE* input, Failure* why);
  // Begins to pass on.
  bool Start();
  // Gives up what has not been passed on.
  void Stop();

  // Whether there may still be something to pass on.
  bool open() const;
  // MonotonicNow() time; 0 before anything was written.
  uint64_t written_at() const;

 private:
  struct Pipe;
  Pipe* pipe_ = nullptr;
};

}  // namespace tripline
