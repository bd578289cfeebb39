// What the common code needs from an operating system beside probes: clocks, a lock, threads, and one blocking wait.
// Implemented by each OS folder; native/posix implements the lock and threads for Linux and macOS.
#pragma once

#include <cstdint>

#include "port/os_state.h"
#include "util/thread_annotations.h"
#include "util/time.h"

namespace tripline {

// Nanoseconds on a clock that never steps and stops while the machine sleeps.
uint64_t MonotonicNow();

// Nanoseconds that the machine has slept since it started; grows only across a suspend. 0 where the OS does not count
// them. `now` is a reading of MonotonicNow(); the time since that reading may be counted as well.
uint64_t SuspendedTotal(uint64_t now);

// CPU time of the calling thread in nanoseconds.
uint64_t ThreadCpuNow();

// A plain lock; never destroyed while held. Trivially destructible, because process.exit() runs static destructors
// while the sampling thread lives.
class CAPABILITY("mutex") Mutex {
 public:
  Mutex();
  void Lock() ACQUIRE();
  void Unlock() RELEASE();
  // For the analysis alone, where it cannot see that the caller holds the lock.
  void AssertHeld() const ASSERT_CAPABILITY(this) {}

 private:
  OsState<64> os_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_->Lock(); }
  ~MutexLock() RELEASE() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* mutex_;
};

// Starts a detached thread with all signals blocked and an explicit stack: a small one, or with `roomy` one on which
// third-party code can run. False when the OS refuses.
bool StartThread(void (*body)(void*), void* argument, const char* name, bool roomy = false);

// Requests what keeps the calling thread on time and needs no privileges: a low timer slack and a short time slice.
void PreferPunctuality();

// What the scheduler has granted; 0 and false where the OS has no such setting.
struct Punctuality {
  uint64_t timer_slack = 0;  // how late the kernel may wake the thread on purpose, in nanoseconds
  uint64_t slice = 0;        // the time slice in nanoseconds: the shorter, the sooner the thread runs among others
  bool real_time = false;    // whether the thread runs ahead of all threads without real-time priority
};
Punctuality ObtainedPunctuality();

// Gives the calling thread real-time priority, or takes it away. False where that is not allowed.
bool SetRealTime(bool on);

class PushTrigger;

// The one place where the sampling thread blocks.
class Waiter {
 public:
  Waiter();
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // Opens what Wait() needs. False, with the reason, when the process is out of descriptors.
  bool Open(struct Failure* why);
  void Close();

  // Makes Wait() return whenever the kernel makes the trigger's handle ready; false when the OS refuses. The caller
  // unwatches a trigger before destroying it.
  bool Watch(PushTrigger* push_trigger);
  void Unwatch(PushTrigger* push_trigger);

  // Blocks until `deadline` (MonotonicNow() time; kNever for none), until Wake(), or until a trigger fires. Called by
  // the sampling thread. Unless the deadline is `exact`, the wait may end up to a millisecond late where that is
  // cheaper. Writes the triggers that fired to `fired` and returns how many, at most kMostFired; any others end the
  // next Wait() at once. `interrupted` becomes true if the process was stopped or frozen and continued meanwhile; not
  // every system reports that.
  static constexpr uint32_t kMostFired = 8;
  uint32_t Wait(uint64_t deadline, bool exact, PushTrigger** fired, bool* interrupted);

  // Ends the current or the next Wait(). May be called on any thread and any number of times.
  void Wake();

 private:
  OsState<384> os_;
};

// A C function that the host program, or a library that it is linked with, exports under this name; nullptr if there is
// none.
void* FindInHost(const char* name);

// The same for a C++ function, by its mangled name; nullptr with `why` if there is none, or if its ABI is not known.
void* FindInHost(const char* name, struct Failure* why);

// Keeps this library mapped until the process ends: a helper thread stuck in the kernel must not return to unmapped
// code.
void PinLibrary();

}  // namespace tripline
