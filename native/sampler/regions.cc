#include "sampler/regions.h"

#include <algorithm>
#include <atomic>

#include "sampler/environment.h"
#include "util/time.h"

namespace tripline {
namespace {

// The term of a region that JavaScript has ordered to end.
constexpr uint32_t kOrder = UINT32_MAX;

// How often words and flags are read while a region waits for them. Nothing reports their change to this thread.
constexpr uint64_t kPoll = 2 * kMillisecond;

bool IsTrue(const Regions::Test& test, const Environment* environment, uint64_t now) {
  switch (test.kind) {
    case Regions::Test::kTime: return now >= test.value;
    case Regions::Test::kWord:
      return reinterpret_cast<const std::atomic<int32_t>*>(test.word)->load(std::memory_order_acquire) !=
             static_cast<int32_t>(test.value);
    default: return environment->board.ReadBreaches(test.flag) > test.value;
  }
}

}  // namespace

void Regions::Judge(Region* region, uint64_t now) {
  if (region->ordered) return;
  uint32_t term = 0;
  bool met = true;
  for (const Test& each : region->tests) {
    met = met && IsTrue(each, region->environment, now);
    if (!each.last) continue;
    if (met) {
      region->term = term;
      region->ordered = true;
      return;
    }
    term++;
    met = true;
  }
}

uint64_t Regions::NextCheck(const Region& region, uint64_t now) {
  uint64_t next = kNever;
  for (const Test& each : region.tests) {
    if (each.kind != Test::kTime) {
      next = std::min(next, now + kPoll);
    } else if (each.value > now) {
      next = std::min(next, each.value);
    }
  }
  return next;
}

void Regions::Add(Stack* stack) {
  MutexLock lock(&lock_);
  stacks_.push_back(stack);
}

bool Regions::Enter(Stack* stack, Region* region, Failure* why) {
  lock_.Lock();
  region->outer = stack->top;
  stack->top = region;
  const bool late = Plan(*region);
  lock_.Unlock();
  if (!late || Wake(why)) return true;
  Leave(stack);
  return false;
}

// Whether the sampling thread would come too late.
bool Regions::Plan(const Region& region) {
  if (region.tests.empty()) return false;
  // One deadline needs no clock.
  const bool timed = region.tests.size() == 1 && region.tests[0].kind == Test::kTime;
  const uint64_t due = timed ? region.tests[0].value : NextCheck(region, MonotonicNow());
  asked_ = std::min(asked_, due);
  return due < planned_;
}

bool Regions::Wake(Failure* why) {
  MutexLock lock(host_->lock());
  return host_->EnsureThread(why);
}

void Regions::Leave(Stack* stack) {
  MutexLock lock(&lock_);
  stack->top = stack->top->outer;
}

bool Regions::Watch(Region* region, List<Test>* tests, Failure* why) {
  lock_.Lock();
  region->tests.swap(*tests);
  // A sign of life that came before the end counts.
  if (region->term != kOrder) region->ordered = false;
  const bool late = Plan(*region);
  lock_.Unlock();
  return !late || Wake(why);
}

void Regions::Order(Stack* stack, Region* region) {
  lock_.Lock();
  region->ordered = true;
  region->term = kOrder;
  lock_.Unlock();
  stack->interrupt(stack->context);
  Failure ignored;
  Wake(&ignored);
}

bool Regions::IsOrdered(Stack* stack) {
  MutexLock lock(&lock_);
  const uint64_t now = MonotonicNow();
  bool ordered = false;
  for (Region* each = stack->top; each != nullptr; each = each->outer) {
    Judge(each, now);
    ordered |= each->ordered;
  }
  return ordered;
}

void Regions::SetRetry(Stack* stack, uint64_t retry) {
  MutexLock lock(&lock_);
  stack->retry = retry;
}

uint64_t Regions::Check(uint64_t now) {
  MutexLock lock(&lock_);
  // Also for a region that has ended: the next one probably has the same.
  uint64_t next = asked_ > now ? asked_ : kNever;
  asked_ = kNever;
  for (Stack* stack : stacks_) {
    bool ordered = false;
    for (Region* each = stack->top; each != nullptr; each = each->outer) {
      Judge(each, now);
      ordered |= each->ordered;
      if (!each->ordered) next = std::min(next, NextCheck(*each, now));
    }
    if (!ordered) continue;
    stack->interrupt(stack->context);
    next = std::min(next, now + stack->retry);
  }
  planned_ = next;
  return next;
}

bool Regions::Rest() {
  MutexLock lock(&lock_);
  for (const Stack* each : stacks_) {
    if (each->top != nullptr) return false;
  }
  planned_ = kNever;
  return asked_ == kNever;
}

}  // namespace tripline
