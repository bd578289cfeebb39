#include "sampler/push_triggers.h"

#include <algorithm>
#include <utility>

namespace tripline {

void PushTriggers::Arm(const GuardLimit& limit) {
  Feed* feed = limit.feed;
  const Metric metric = feed->series.metric();
  const LimitSpec& spec = limit.limit.spec;
  const bool bad_direction = spec.above == (InfoOf(metric).worse == kAbove);
  // If the feed is polled as fast as its source allows, a trigger could not make the next read earlier.
  if (!bad_direction || limit.guard->spec().within <= feed->source->MinPeriod(metric)) return;
  if ((feed->source->silent & MaskOf(metric)) != 0) return;
  const bool nearer = spec.above ? spec.enter < feed->rings_at : spec.enter > feed->rings_at;
  if (feed->rings && !nearer) return;

  Disarm(feed);
  PushTrigger* made[kMostPushTriggers];
  // A trigger that the kernel refuses is not a failure, because polling continues; CanRing() reports it.
  Failure ignored;
  const uint32_t count = MakePushTriggers(metric, feed->source->name(), spec.enter, spec.above, made, &ignored);
  if (count == 0) feed->source->silent |= MaskOf(metric);
  for (uint32_t i = 0; i < count; i++) {
    std::unique_ptr<PushTrigger> push_trigger(made[i]);
    push_trigger->feed = feed;
    if (waiter_->Watch(push_trigger.get())) feed->push_triggers.push_back(std::move(push_trigger));
  }
  feed->rings = true;
  feed->rings_at = spec.enter;
}

void PushTriggers::Disarm(Feed* feed) {
  feed->rings = false;
  if (feed->push_triggers.empty()) return;
  for (auto& each : feed->push_triggers) {
    waiter_->Unwatch(each.get());
    // The thread's wait may be about to return this trigger.
    taken_.push_back(std::move(each));
  }
  feed->push_triggers.clear();
  waiter_->Wake();
}

void PushTriggers::Acknowledge(PushTrigger* const* rung, uint32_t count) {
  const uint64_t now = count == 0 ? 0 : MonotonicNow();
  for (uint32_t i = 0; i < count; i++) {
    PushTrigger* push_trigger = rung[i];
    const bool taken =
        std::any_of(taken_.begin(), taken_.end(), [&](const auto& each) { return each.get() == push_trigger; });
    if (taken) continue;
    rings_++;
    push_trigger->feed->Hurry(now);
    if (!push_trigger->Acknowledge()) Disarm(push_trigger->feed);
  }
  taken_.clear();
}

bool CanRing(Metric metric, Failure* why) {
  constexpr double kHalfway = 50;
  PushTrigger* made[kMostPushTriggers];
  const uint32_t count = MakePushTriggers(metric, "", kHalfway, InfoOf(metric).worse == kAbove, made, why);
  for (uint32_t i = 0; i < count; i++) delete made[i];
  return count > 0;
}

}  // namespace tripline
