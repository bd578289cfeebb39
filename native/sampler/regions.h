// Regions of JavaScript that are to end as soon as something comes true, though they never look: deadlines, breaches of
// guards, words that other threads set, signals. The sampling thread watches them, and has their thread interrupted
// until they have ended: it is the interrupt that ends a region (node/region.cc).
#pragma once

#include <cstdint>

#include "port/platform.h"
#include "sampler/host.h"
#include "util/list.h"

namespace tripline {

class Environment;

class Regions {
 public:
  // An interrupt that comes at a bad moment is repeated this much later.
  static constexpr uint64_t kRetry = 50'000;

  // Something that comes true once and for all.
  struct Test {
    enum Kind : uint8_t { kTime, kWord, kFlag };
    Kind kind;
    bool last;  // ends a term
    // kTime: when. kFlag: how many breaches of the guard do not count.
    uint64_t value;
    // kWord: true once it is not `value`. It stays where it is while the region runs.
    const int32_t* word;
    uint32_t flag;  // kFlag: its place on the board
  };

  struct Region {
    Environment* environment = nullptr;
    // Terms, each of one or more tests. It ends when all tests of a term are true.
    List<Test> tests;
    uint32_t term = 0;     // the one that was met
    bool ordered = false;  // it is to end
    Region* outer = nullptr;
  };

  // The nested regions of one thread.
  struct Stack {
    // Any thread may call it, under any lock.
    void (*interrupt)(void* context);
    void* context;
    Region* top = nullptr;
    uint64_t retry = kRetry;  // until the next interrupt
    // How often a region of this thread was seen in code that must not be ended. Used on the thread only.
    uint32_t fragile = 0;
  };

  explicit Regions(Host* host) : host_(host) {}

  // ---- on the thread of the regions

  // Adds a thread, which stays until the process ends.
  void Add(Stack* stack) EXCLUDES(lock_);
  // False, with nothing entered, if the sampling thread is needed and cannot be started.
  bool Enter(Stack* stack, Region* region, Failure* why) EXCLUDES(lock_, host_->lock());
  void Leave(Stack* stack) EXCLUDES(lock_);
  // Replaces the tests of a region of this thread.
  bool Watch(Region* region, List<Test>* tests, Failure* why) EXCLUDES(lock_, host_->lock());
  // The region is to end.
  void Order(Stack* stack, Region* region) EXCLUDES(lock_, host_->lock());
  // Whether the innermost region is to end, for its own sake or that of one around it. The answer is read from this
  // thread's own board, so the sampler's lock is not needed.
  bool IsOrdered(Stack* stack) EXCLUDES(lock_);
  void SetRetry(Stack* stack, uint64_t retry) EXCLUDES(lock_);

  // ---- on the sampling thread, under the sampler's lock

  // Requests the interrupts that are due. Returns when to call it again.
  uint64_t Check(uint64_t now) EXCLUDES(lock_);
  // False while there are regions; otherwise the next one wakes the thread, or starts it.
  bool Rest() EXCLUDES(lock_);

 private:
  bool Plan(const Region& region) REQUIRES(lock_);
  bool Wake(Failure* why) EXCLUDES(lock_, host_->lock());
  static uint64_t NextCheck(const Region& region, uint64_t now);
  static void Judge(Region* region, uint64_t now);

  Host* const host_;
  Mutex lock_;
  List<Stack*> stacks_ GUARDED_BY(lock_);
  // When the sampling thread checks next; kNever if it does not.
  uint64_t planned_ GUARDED_BY(lock_) = kNever;
  // The earliest check that a region has asked for since the last one: many regions that begin and end within it then
  // wake the thread once.
  uint64_t asked_ GUARDED_BY(lock_) = kNever;
};

}  // namespace tripline
