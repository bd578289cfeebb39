// The watchdog of this process: the sampling thread feeds it while no guard of it is breached, so it needs no
// JavaScript, whose loop may be blocked.
#pragma once

#include <cstddef>
#include <cstdint>

#include "port/watchdog_sinks.h"
#include "sampler/guard.h"
#include "sampler/host.h"

namespace tripline {

class Environment;

// As JavaScript reads it.
struct WatchdogStats {
  int32_t feeding;  // nothing holds it back
  int32_t fed;      // how often it was fed
  int32_t failed;   // how often feeding, or a notice of the thread, failed
  int32_t error;    // the errno of the latest failure; 0 for none
};

class Watchdog {
 public:
  explicit Watchdog(Host* host) : host_(host) {}

  // ---- on any JavaScript thread

  // `address`: of the service manager's socket; empty for none. An errno, 0, or kTaken if the process has one already.
  static constexpr int kTaken = -1;
  int Open(Environment* environment, const char* address, size_t size) EXCLUDES(host_->lock());
  // Begins to feed, at once and then every `interval`: the service manager if `notify` is set, and the device unless
  // that is negative. The device is closed with the watchdog.
  bool Start(uint64_t interval, bool notify, int device, Failure* why) EXCLUDES(host_->lock());
  // Sends a notice to the service manager; an errno or 0. While `hold` is set, nothing is fed, whatever the guards say.
  int Send(const char* text, size_t size, bool hold) EXCLUDES(host_->lock());
  void Close() EXCLUDES(host_->lock());
  WatchdogStats Stats() EXCLUDES(host_->lock());

  // What a guard gets so that the watchdog is not fed while it is breached.
  Reaction* MakeReaction();

  // ---- for the host, which holds its lock

  // Feeds if that is due; returns when to be called next.
  uint64_t Feed(uint64_t now);
  void RemoveEnvironment(const Environment* environment);
  bool idle() const {
    AssertLocked();
    return interval_ == 0;
  }

 private:
  class Inlet;

  void Withhold(Guard* guard);
  void Release();
  bool held() const REQUIRES(host_->lock()) { return breached_ > 0 || hold_; }
  // Counts a failure; whether there was none.
  bool Succeeded(int error) REQUIRES(host_->lock());
  void Shut();
  // The analysis does not know that the caller holds this lock, the one of `host_`.
  void AssertLocked() const ASSERT_CAPABILITY(host_->lock()) {}

  Host* const host_;
  Environment* environment_ GUARDED_BY(host_->lock()) = nullptr;  // nullptr: there is no watchdog
  uint64_t interval_ GUARDED_BY(host_->lock()) = 0;               // 0: it is not fed
  uint64_t next_ GUARDED_BY(host_->lock()) = 0;
  int socket_ GUARDED_BY(host_->lock()) = -1;
  int device_ GUARDED_BY(host_->lock()) = -1;
  uint32_t breached_ GUARDED_BY(host_->lock()) = 0;  // guards
  int32_t fed_ GUARDED_BY(host_->lock()) = 0;
  int32_t failed_ GUARDED_BY(host_->lock()) = 0;
  int32_t error_ GUARDED_BY(host_->lock()) = 0;
  uint8_t address_size_ GUARDED_BY(host_->lock()) = 0;
  bool hold_ GUARDED_BY(host_->lock()) = false;
  bool notify_ GUARDED_BY(host_->lock()) = false;
  char address_[kLongestAddress] GUARDED_BY(host_->lock());
};

}  // namespace tripline
