#include "sampler/slow_read.h"

namespace tripline {

void SlowRead::Body(void* raw) {
  auto* self = static_cast<SlowRead*>(raw);
  self->probe_->Read(self->begun_, self->wanted_, &self->readings_);
  // The object may be deleted as soon as the lock is released.
  Mutex* const lock = self->lock_;
  lock->Lock();
  self->state_ = kDone;
  if (self->abandoned_)
    delete self;
  else
    self->wake_(self->argument_);
  lock->Unlock();
}

void SlowRead::Abandon() {
  abandoned_ = true;
  if (!running()) delete this;
}

bool SlowRead::Start(uint64_t now, MetricMask wanted) {
  wanted_ = wanted;
  started_ = begun_ = now;
  ClearReadings(wanted, &readings_);
  state_ = kRunning;
  if (StartThread(Body, this, "tripline-slow", true)) return true;
  state_ = kIdle;
  return false;
}

const Readings& SlowRead::Take() {
  state_ = kIdle;
  return readings_;
}

}  // namespace tripline
