// Runs a command in such a way that no process it starts can escape. Implemented by each OS folder.
//
// Linux and macOS put a small process, the supervisor, between this one and the command (native/posix): it ends the
// whole tree when this process dies. On Linux the supervisor is the subreaper that inherits every orphan of the
// command; on macOS orphans go to process 1, and the supervisor follows the tree in the process list, woken by
// NOTE_FORK and NOTE_EXIT. Windows has job objects: no process can leave one, and its processes end when its last
// handle, which this process holds, is closed.
#pragma once

#include <cstdint>

#include "port/platform.h"
#include "port/probe.h"

namespace tripline {

// ---- how a tree is ended, on every system

// When the command has ended by itself, processes that it left behind have this long to finish, as the end of a
// pipeline does.
constexpr uint64_t kLeftoverTime = 200 * kMillisecond;
// First interval between scans for survivors while the tree is being ended; each interval doubles the one before.
constexpr uint64_t kFirstScanInterval = 5 * kMillisecond;
constexpr uint64_t kLastScanInterval = 100 * kMillisecond;

// `by` after `from`; kNever for what is too far off.
inline uint64_t Later(uint64_t from, uint64_t by) { return by > kNever - from ? kNever : from + by; }

struct SpawnSpec {
  // All lists end with a null pointer, and need to live only until Start() returns.
  const char* const* files = nullptr;  // paths where the command may be, in the order in which they are tried
  const char* const* arguments = nullptr;
  const char* const* environment = nullptr;
  const char* directory = "";  // empty: that of this process
  const char* marker = "";     // a text that only this run has in its environment, to find stray processes
  // The control group in which the command's own is made; empty: that of this process, if that may be. Linux only.
  const char* place = "";
  int stdio[3] = {0, 1, 2};  // descriptors of this process; -1 is the null device
  // Extra descriptors, and the numbers (3 and up) that they have in the command. On Windows a command inherits none.
  static constexpr uint32_t kMostShared = 64;
  int shared[kMostShared] = {};
  int numbers[kMostShared] = {};
  uint32_t shared_count = 0;
  // The soft limit on open files, where the command does not get that of this process; 0 where it does. POSIX only.
  uint64_t open_files = 0;
  bool foreground = false;  // stays in this process's group, which is the terminal's
  bool keep = false;        // what the command leaves behind is left alone
  bool dry_run = false;     // silence is only reported
  // The signal that ends the tree when this process dies, and when the command leaves processes behind.
  int end_signal = 0;
  uint64_t kill_after = 0;  // nanoseconds from that signal to SIGKILL
  // Ends the tree when nothing was written to stdout or stderr for this long; both are then relayed.
  uint64_t idle = kNever;
};

struct SpawnFailure {
  enum Kind : uint8_t { kNone, kNotFound, kNotExecutable, kUnsupported, kOther };
  Kind kind = kNone;
  Failure why;
};

// Signals have the numbers that Node uses on the system. Windows has no signals: a request to end (SIGHUP, SIGINT,
// SIGTERM, SIGBREAK) is Ctrl-Break to the command's process group and, when the whole tree is to end, WM_CLOSE to its
// windows. SIGKILL terminates, as does any other signal that no process can receive. On Windows a terminated command is
// reported as killed by SIGKILL, a command that did not handle Ctrl-Break as killed by the signal that it stood for,
// and any other exit with the command's own code.
struct CommandEvent {
  enum Kind : uint8_t {
    kStarted,
    kFailed,   // it could not be started, and `Command::failure` says why; the last event
    kTimeout,  // the tree is being ended: its time was up
    kIdle,     // the same: it has written nothing for `SpawnSpec::idle`
    kLimit,    // the same: a limit was crossed; from the guard of the command (addon_spawn.cc), as the next two
    kPaused,
    kResumed,
    kExited,  // the command itself has ended: `code`, or the signal that it died of
    kGone,    // everything that it had started has ended too; the last event
    kLost,    // the supervisor was killed, and every process that could be found is dead; the last event
  };
  Kind kind = kGone;
  int32_t code = 0;  // all 32 bits of it
  int32_t signal = 0;
  uint32_t ended = 0;   // processes that had to be ended
  uint32_t left = 0;    // those of them that this user may not signal
  bool killed = false;  // whether some had to be killed
  uint64_t cpu = 0;     // nanoseconds of CPU time of all processes that were reaped
  uint64_t at = 0;      // MonotonicNow() when this process learned of it
};

// A command, with everything that it has started. All calls but Next() may come from any thread, one at a time.
// Destroyed after Next() has returned false.
class Command {
 public:
  virtual ~Command() = default;
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  // Makes everything that the command needs, `root` and `group` included, but does not run it yet: what watches it is
  // made first, so that a limit holds from its first instruction. nullptr, with the reason, where that failed.
  static Command* Prepare(const SpawnSpec& spec, SpawnFailure* why);

  // Runs it. The first event says whether that worked. After `timeout` nanoseconds the tree is ended as the spec says.
  virtual void Go(uint64_t timeout) = 0;

  // Waits for the next event. False after the last one. Called on a thread of its own.
  virtual bool Next(CommandEvent* event) = 0;

  // Signals the command, and its process group where it has one of its own.
  virtual void Signal(int signal) = 0;
  // Ends the whole tree: sends `signal` to each process, including later ones, and kills the rest after `kill_after`.
  // Before Go(), the command is never run.
  virtual void End(int signal, uint64_t kill_after) = 0;
  // Pauses the whole tree, or changes whether its timeout stands still meanwhile.
  virtual void Pause(bool stops_clock) = 0;
  virtual void Resume() = 0;
  // After the last event: releases system resources. Not called concurrently with any of the others.
  virtual void Close() {}
  // Acts as if this process had died: the tree is ended, and Next() soon returns false.
  virtual void Abandon() = 0;

  int64_t pid = 0;  // from kStarted on
  SpawnFailure failure;
  // The process id by which a probe finds the command's tree: that of the supervisor, which is not counted, or of the
  // command itself.
  int64_t root = 0;
  // The name by which the kernel holds the processes together: the path of a control group, or another name. Empty if
  // it does not, which for a control group is certain only from kStarted on.
  char group[256] = "";

 protected:
  Command() = default;
};

// Opens a pipe between this process and a command. `ends`: that of this process, which is suitable for the event loop
// of the host, and that of the command; both are descriptors of the host, and neither is inherited.
enum class PipeUse : uint8_t { kCommandReads, kCommandWrites, kBoth };
bool OpenCommandPipe(PipeUse use, int* ends, Failure* why);
// Closes an end, for hosts that close only descriptors that they have opened themselves. Does nothing on Windows, where
// descriptors belong to the host.
void CloseCommandPipe(int end);

// Whether `pid` is the root of a command, and not one of its processes.
bool IsCommandRoot(int64_t pid);

// The same, for a command that does not run yet. Its tree counts as unknown until then: between fork and exec, a
// process has the memory of the one that it was forked from.
bool IsWaitingRoot(int64_t pid);

// Reaps the orphans that this process has inherited as process 1.
void ReapAdopted();

// Whether a process, and not the terminal, which signals the whole process group, has sent `signal` to this process
// since the last call. Counting starts with the first call that finds a handler installed. A real-time signal of Linux
// needs none: once it is counted, this process sends itself SIGURG, so that its event loop asks for it.
bool TakeSent(int signal);

// A counter of the signals of this number that this process receives. Counting starts with the first call that finds a
// handler installed; call it again after that was replaced. nullptr where signals cannot be counted.
const int32_t* SignalsReceived(int signal);

}  // namespace tripline
