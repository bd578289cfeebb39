// Running a command so that nothing it starts gets away. A specification: each OS folder implements it.
//
// Linux and macOS put a small process, the supervisor, between this one and the command (native/posix): it ends the
// whole tree when this process dies. On Linux it is the subreaper to which every orphan of the command returns; on
// macOS orphans go to process 1, and it follows the tree in the process list, woken by NOTE_FORK and NOTE_EXIT. Windows
// has job objects: no process gets out of one, and its processes end with its last handle, which this process holds.
#pragma once

#include <cstdint>

#include "port/platform.h"
#include "port/probe.h"

namespace tripline {

// ---- how a tree is ended, on every system

// What is left when the command has ended by itself may finish on its own for this long: the end of a pipeline does.
constexpr uint64_t kLeftoverTime = 200 * kMillisecond;
// Interval between scans for survivors while the tree is being ended: it starts short and doubles.
constexpr uint64_t kFirstScanInterval = 5 * kMillisecond;
constexpr uint64_t kLastScanInterval = 100 * kMillisecond;

struct SpawnSpec {
  // All lists end with a null pointer, and need to live only until Start() returns.
  const char* const* files = nullptr;  // where the command may be, in the order in which they are tried
  const char* const* arguments = nullptr;
  const char* const* environment = nullptr;
  const char* directory = "";  // empty: that of this process
  const char* marker = "";     // a text in the environment of this run alone, which finds strays
  int stdio[3] = {0, 1, 2};    // descriptors of this process; -1 is the null device
  // Extra descriptors (3 and up) that the command inherits under the same number.
  static constexpr uint32_t kMostShared = 16;
  int shared[kMostShared] = {};
  uint32_t shared_count = 0;
  bool foreground = false;  // stays in this process's group, which is the terminal's
  // Ends the tree when this process dies, and when the command leaves processes behind.
  int end_signal = 0;
  uint64_t kill_after = 0;  // nanoseconds from that signal to SIGKILL
  uint64_t idle = kNever;   // report when nothing was written to stdout or stderr for so long: relays both
};

struct SpawnFailure {
  enum Kind : uint8_t { kNone, kNotFound, kNotExecutable, kUnsupported, kOther };
  Kind kind = kNone;
  Failure why;
};

// Signals have the numbers of the system's Node. Windows has none: a request to end (SIGHUP, SIGINT, SIGTERM, SIGBREAK)
// is Ctrl-Break to the command's process group and, when all are to end, WM_CLOSE to their windows; SIGKILL ends by
// force, and so does any other where no process can receive it. There an end by force is reported as SIGKILL, one by a
// Ctrl-Break that the command did not handle as the signal that it stood for, and all else is the command's own code.
struct CommandEvent {
  enum Kind : uint8_t {
    kExited,  // the command itself: code, or the signal that it died of
    kIdle,
    kGone,  // and all that it had started; the last event
    kLost,  // the supervisor was killed; what could be found is dead. The last event
  };
  Kind kind = kGone;
  int32_t code = 0;  // its 32 bits
  int32_t signal = 0;
  uint32_t ended = 0;   // processes that had to be ended
  uint32_t left = 0;    // of them, those that may not be signaled
  bool killed = false;  // some only went when they were killed
  uint64_t cpu = 0;     // nanoseconds that all of them used, as far as they were reaped
};

// A command that runs, with everything that it has started. Start(), and all but Next(), are called by any one thread
// at a time. Destroyed when Next() has returned false.
class Command {
 public:
  virtual ~Command() = default;
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  // Returns once the command runs, or why it does not.
  static Command* Start(const SpawnSpec& spec, SpawnFailure* why);

  // Waits for what happens next. False after the last event. Called by a thread of its own.
  virtual bool Next(CommandEvent* event) = 0;

  // To the command; to its process group where it has one of its own.
  virtual void Signal(int signal) = 0;
  // Ends all of them: `signal` to each, also to those that come later, and after `kill_after` the end.
  virtual void End(int signal, uint64_t kill_after) = 0;
  virtual void Pause() = 0;
  virtual void Resume() = 0;
  // After the last event: gives back what the system charges for. Not while one of the others is called.
  virtual void Close() {}
  // As if this process had died: the tree is ended, and Next() returns false soon.
  virtual void Abandon() = 0;

  int64_t pid = 0;
  // Stands for all of the command's processes where a probe is asked for a tree: the supervisor, which is not counted
  // among them, or the command itself.
  int64_t root = 0;
  // Where the kernel itself holds them together: the path of a control group, or a name. Empty where it does not.
  char group[256] = "";

 protected:
  Command() = default;
};

// Whether `pid` is the root of a running command, and not one of its processes.
bool IsCommandRoot(int64_t pid);

// Reaps the orphans that this process was given because it is process 1.
void ReapAdopted();

// Whether a process has sent `signal` to this one since the last call, rather than the terminal, which sends to the
// whole process group. Counts from the first call on that finds a handler for it.
bool TakeSent(int signal);

}  // namespace tripline
