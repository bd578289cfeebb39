// The JavaScript stack of a blocked event loop. The sampling thread asks for it just before the loop's delay crosses a
// limit that wants it; the loop's thread takes it in an interrupt, in the middle of the blocking code
// (node/addon_stack.cc). While the loop is still blocked, other native code can read the newest stack here, such as a
// watchdog or a recorder, and ask for one with environment->AskForStack(), under the sampler's lock:
//
//   if (environment->stack != nullptr) environment->stack->Describe(text, sizeof(text));
#pragma once

#include <cstddef>
#include <cstdint>

#include "port/platform.h"

namespace tripline {

// A stack with its texts, of a fixed size.
struct StackCopy {
  static constexpr uint32_t kFrames = 32;

  struct Frame {
    int32_t line;  // both counted from 1
    int32_t column;
    uint16_t function;  // where their texts begin, each with a NUL at its end; empty if there is none
    uint16_t file;
  };

  uint64_t block = 0;  // the heartbeat that was not answered; 0 for no stack
  uint32_t count = 0;
  uint32_t used = 0;  // bytes of `texts`
  Frame frames[kFrames];
  char texts[6144];

  // Adds the next frame from the top. What V8 does not know is empty or 0. False if there is no room.
  bool Add(const char* function, const char* file, int32_t line, int32_t column);
};

class BlockedStack {
 public:
  // `interrupt` makes the loop's thread call Begin() and End() as soon as it runs JavaScript; it must not wait.
  BlockedStack(void (*interrupt)(void*), void* context) : interrupt_(interrupt), context_(context) {}

  // Asks for the stack of this block, once however often it is called. Any thread.
  void Ask(uint64_t block) EXCLUDES(lock_);
  // The loop turns, so a stack that was not taken yet would be that of innocent code.
  void Release() EXCLUDES(lock_);

  // On the loop's thread. The stack to write, or nullptr if none is wanted...
  StackCopy* Begin() EXCLUDES(lock_);
  // ...and that it was written.
  void End() EXCLUDES(lock_);

  // Copies the stack of this block, or of any with kNewest. False if there is none. Any thread.
  static constexpr uint64_t kNewest = 0;
  bool Read(uint64_t block, StackCopy* copy) EXCLUDES(lock_);
  // Writes the stack of this block, or the newest with kNewest, as text, one line per frame such as "render
  // (/app/page.js:12:7)", cut off where `room` ends, and a NUL. Control characters are replaced by '?'. Empty if there
  // is no such stack. Any thread.
  void Describe(char* text, size_t room, uint64_t block = kNewest) EXCLUDES(lock_);

  BlockedStack* next = nullptr;  // of the same thread; used on it alone

 private:
  void (*const interrupt_)(void*);
  void* const context_;

  Mutex lock_;
  uint64_t asked_ GUARDED_BY(lock_) = 0;   // the latest block
  bool wanted_ GUARDED_BY(lock_) = false;  // it has not been taken
  // Written without the lock, on the loop's thread, and then swapped.
  StackCopy copies_[2];
  uint32_t newest_ GUARDED_BY(lock_) = 0;
};

}  // namespace tripline
