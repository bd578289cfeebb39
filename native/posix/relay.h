// Passes on what a command writes, to know when it has last written anything. For the supervisor: system calls only.
#pragma once

#include <poll.h>
#include <cstddef>
#include <cstdint>

namespace tripline {

class Relay {
 public:
  // Makes the pipe. `target` is where everything goes; taken over.
  bool Open(int target);
  // The end for the command; closed once it has it.
  int input() const { return write_; }
  int output() const { return read_; }
  void CloseInput();

  bool open() const { return read_ >= 0; }
  // What it waits for now.
  struct pollfd Interest() const;
  // Moves what can be moved without waiting. True when something was read or written.
  bool Move(short events);

 private:
  void Close();

  int read_ = -1;
  int write_ = -1;
  int target_ = -1;
  size_t from_ = 0, to_ = 0;
  // No more than what a pipe that is ready takes at once without blocking (PIPE_BUF).
  char held_[4096];
};

}  // namespace tripline
