// A system that a test scripts: its clocks stand still until the test moves them, its waiter, probes and push triggers
// do what the test says, and of its threads only one runs at a time, in an order that never varies. It implements
// native/port/, so the sampler runs on it unchanged, with its own thread and without any waiting.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "port/platform.h"
#include "port/probe.h"
#include "port/push_trigger.h"

namespace tripline::test {

// What a metric does when it is read.
struct MetricScript {
  double level = 0;              // of a level
  double share = 0;              // of a ratio: how much its counter grows per unit of time; of a rate: per second
  bool failing = false;          // the read yields no value
  uint64_t cost = 0;             // how long a read takes on the clock
  uint64_t delay = 0;            // how much longer the next read takes
  uint64_t cpu = 0;              // CPU time of a read
  double slope = 0;              // MaxSlope()
  double ceiling = 0;            // Ceiling()
  double jump = 0;               // added to the counter at once, as by a suspend
  bool still = false;            // neither counter of a pair moves
  std::function<void()> during;  // runs in the middle of each read
};

// One read of a probe.
struct ReadRecord {
  uint64_t at;
  MetricMask metrics;
  std::string name;
};

// One piece that is written to a file.
struct WriteRecord {
  uint64_t at;
  uint64_t offset;
  std::string bytes;
};

class System {
 public:
  // A fresh script. The clock goes on from test to test, since the sampler of a process is never destroyed.
  static void Reset();

  // ---- time

  static uint64_t now();
  // Lets `time` pass. The sampling thread runs whenever it is due or was woken, helper threads as soon as they can.
  static void Run(uint64_t time);
  // The same, but everything stands still for `time`: afterwards all threads run. `interrupted`: the kernel says so.
  static void StandStill(uint64_t time, bool interrupted);
  // Only the sampling thread gets no CPU for `time`.
  static void Suspend(uint64_t time);  // the sleep clock goes on, the monotonic one does not
  // Lets `time` pass in the middle of what runs at this moment.
  static void Delay(uint64_t time);
  static int cpu_clock_reads;    // how often the clock of a thread's CPU time was read
  static int sleep_clock_reads;  // how often the sleep clock was read
  // Runs everything that can run, at the present time.
  static void Settle();

  // ---- threads

  static bool refuse_threads;
  static bool real_time;        // what the sampling thread has asked for
  static uint64_t timer_slack;  // what a thread gets that asks for punctuality
  static bool refuse_waiter;
  // While closed, reads of probes that may block wait in the middle. Other threads go on.
  static void CloseDoor();
  static void OpenDoor();
  static int threads();  // alive now
  // Whether a thread waits at the door.
  static int waiting();
  static bool waiter_open();
  // When the sampling thread's wait ends; kNever for never.
  static uint64_t deadline();
  static bool exact();
  static int wakes();  // calls of Waiter::Wake()

  // ---- probes

  static MetricScript& Of(Metric metric);
  static bool no_probe;  // MakeProbe() fails
  static bool blocking;  // probes made from now on may block
  static int probes();   // alive now
  static std::vector<ReadRecord>& reads();
  // How often the metric was read since the last Reset().
  static int ReadsOf(Metric metric);

  // ---- commands

  static int64_t waiting_root;  // that of the command that waits to be run; 0 if none does

  // ---- files and sinks

  static const std::vector<WriteRecord>& writes();  // to files of flight logs
  static const std::vector<uint64_t>& notices();    // when the watchdog's socket got one

  static int flushes;         // how often a file was forced to its disk
  static bool refuse_writes;  // they fail
  static int files();         // flight logs that are not freed
  static int locked_files();
  // What the process does when it gets a signal that ends it.
  static void Signal(int signal, const char* name);

  // ---- memory that is locked

  static constexpr int kLockable = 1 << 20;
  static int lockable;  // how many ranges may be
  static int locked_ranges();

  // ---- push triggers

  static bool refuse_triggers;
  static bool refuse_watch;
  static bool drop_triggers;  // the kernel drops a watch when it fires
  static int triggers();      // alive now
  static int watched();       // known to the waiter
  static int made();          // how often triggers were asked for
  static double line();       // the line of the last one
  // Fires all watched triggers. The sampling thread's wait returns with them when it runs next.
  static void Fire();
};

}  // namespace tripline::test
