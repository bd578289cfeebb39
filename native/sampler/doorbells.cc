#include "sampler/doorbells.h"

#include <algorithm>
#include <utility>

namespace tripline {

void Doorbells::Hang(const GuardLimit& limit) {
  Channel* channel = limit.channel;
  const Metric metric = channel->series.metric();
  const LimitSpec& spec = limit.limit.spec;
  const bool bad_direction = spec.above == (InfoOf(metric).worse == kAbove);
  // Where polling is as fast as the source allows, nothing can pull it any closer.
  if (!bad_direction || limit.guard->spec().within <= channel->source->MinPeriod(metric)) return;
  if ((channel->source->silent & MaskOf(metric)) != 0) return;
  const bool nearer = spec.above ? spec.enter < channel->rings_at : spec.enter > channel->rings_at;
  if (channel->rings && !nearer) return;

  Take(channel);
  Doorbell* made[kMostDoorbells];
  // Without them polling goes on, so a refusal is no failure here; CanRing tells who wants to know.
  Failure ignored;
  const uint32_t count = MakeDoorbells(metric, spec.enter, spec.above, made, &ignored);
  if (count == 0) channel->source->silent |= MaskOf(metric);
  for (uint32_t i = 0; i < count; i++) {
    std::unique_ptr<Doorbell> doorbell(made[i]);
    doorbell->channel = channel;
    if (waiter_->Watch(doorbell.get())) channel->doorbells.push_back(std::move(doorbell));
  }
  channel->rings = true;
  channel->rings_at = spec.enter;
}

void Doorbells::Take(Channel* channel) {
  channel->rings = false;
  if (channel->doorbells.empty()) return;
  for (auto& each : channel->doorbells) {
    waiter_->Unwatch(each.get());
    // The thread may be about to come back from its wait with this one in hand.
    taken_.push_back(std::move(each));
  }
  channel->doorbells.clear();
  waiter_->Wake();
}

void Doorbells::Answer(Doorbell* const* rung, uint32_t count) {
  const uint64_t now = count == 0 ? 0 : MonotonicNow();
  for (uint32_t i = 0; i < count; i++) {
    Doorbell* doorbell = rung[i];
    const bool taken = std::any_of(taken_.begin(), taken_.end(), [&](const auto& each) { return each.get() == doorbell; });
    if (taken) continue;
    rings_++;
    doorbell->channel->Hurry(now);
    if (!doorbell->Answer()) Take(doorbell->channel);
  }
  taken_.clear();
}

bool CanRing(Metric metric, Failure* why) {
  constexpr double kHalfway = 50;
  Doorbell* made[kMostDoorbells];
  const uint32_t count = MakeDoorbells(metric, kHalfway, InfoOf(metric).worse == kAbove, made, why);
  for (uint32_t i = 0; i < count; i++) delete made[i];
  return count > 0;
}

}  // namespace tripline
