// Passes on a command's output and records when the command last wrote. Used in the supervisor: system calls only.
#pragma once

#include <poll.h>
#include <cstddef>
#include <cstdint>

namespace tripline {

class Relay {
 public:
  // Makes the pipe. Output goes to `target`, which the relay owns from then on.
  bool Open(int target);
  // The end for the command; the caller closes it after the command has inherited it.
  int input() const { return write_; }
  int output() const { return read_; }
  void CloseInput();

  bool open() const { return read_ >= 0; }
  // The descriptor and the events that the relay is waiting for.
  struct pollfd Interest() const;
  // Moves what can be moved without blocking. True when something was read or written.
  bool Move(short events);

 private:
  void Close();

  int read_ = -1;
  int write_ = -1;
  int target_ = -1;
  size_t from_ = 0, to_ = 0;
  // At most what a writable pipe accepts without blocking (PIPE_BUF).
  char held_[4096];
};

}  // namespace tripline
