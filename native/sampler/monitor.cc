#include "sampler/monitor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace tripline {
namespace {

// After a standstill of this length, averages begin anew. Shorter ones are averaged over; on a machine that keeps
// starving this thread there would otherwise never be an average.
constexpr uint64_t kLongStandstill = 5 * kSecond;

// The values of a simulated guard are treated like those of this metric: as levels, unchanged.
constexpr Metric kPlayed = Metric::kTemperature;

// Adds what is known about the block that crossed the limit. The stack is kept, since a later block replaces it.
void AddBlock(Environment* environment, GuardLimit* limit, uint64_t now, EvidenceCopy* copy) {
  const Heartbeat& beat = environment->heartbeat;
  const uint64_t block = limit->evidence.block;
  if (beat.number == block) copy->blocked = beat.outstanding() ? now - beat.sent : beat.lasted;
  if (limit->kept_stack == nullptr && environment->stack != nullptr) {
    std::unique_ptr<StackCopy> stack(new StackCopy);
    if (environment->stack->Read(block, stack.get())) limit->kept_stack = std::move(stack);
  }
  if (limit->kept_stack != nullptr) copy->stack.reset(new StackCopy(*limit->kept_stack));
}

bool IsPlayed(const Feed* feed) { return feed != nullptr && feed->source == nullptr; }

}  // namespace

// ---- the thread's part ---------------------------------------------------------------------------------------------

bool Monitor::Pass(uint64_t now, double stretch) {
  stretch_ = stretch;
  const uint64_t reads_before = reads_;
  for (auto& source : sources_.all()) {
    if (source->blocking()) Settle(source.get(), source->Take(now, &readings_), now);
    MetricMask wanted = source->queued();
    for (const Feed* each : source->feeds) {
      if (each->due <= now + each->slack()) wanted |= MaskOf(each->series.metric());
    }
    if (wanted != 0) ReadSource(source.get(), now, wanted);
  }
  if (!verdicts_.idle()) verdicts_.Judge(now);
  if (!requests_.empty()) requests_.Answer();
  if (sources_.has_unused()) sources_.Sweep(now);
  Plan();
  return reads_ != reads_before;
}

void Monitor::ReadSource(Source* source, uint64_t now, MetricMask wanted) {
  reads_++;
  const MetricMask answered = source->Read(now, wanted, &readings_);
  Settle(source, answered, now);
  if ((wanted & ~answered) == 0) return;
  // Scheduled again when the read comes back; until then, this is only a fallback.
  for (Feed* each : source->feeds) {
    if ((wanted & ~answered & MaskOf(each->series.metric())) != 0) each->due = now + kSecond;
  }
}

void Monitor::Settle(Source* source, MetricMask answered, uint64_t now) {
  if (answered == 0) return;
  for (Feed* each : source->feeds) {
    const Metric metric = each->series.metric();
    if ((answered & MaskOf(metric)) == 0) continue;
    each->Settle(readings_[metric], readings_.failure, now, verdicts_.dirty());
    each->Schedule(stretch_);
  }
}

void Monitor::Plan() {
  // The latest time that suits everything that is due...
  uint64_t latest = verdicts_.NextRelease();
  for (const auto& source : sources_.all()) {
    if (source->blocking()) latest = std::min(latest, source->OverdueAt());
  }
  uint64_t due = latest;
  for (const auto& feed : sources_.feeds()) {
    if (feed->due + feed->patience() >= latest) continue;
    latest = feed->due + feed->patience();
    due = feed->due;
  }
  // ...and the last read that is due before it: one wake-up then serves all of them.
  if (due != latest) {
    for (const auto& feed : sources_.feeds()) {
      if (feed->due <= latest && feed->due > due) due = feed->due;
    }
  }
  next_due_ = due;
}

void Monitor::Discount(const Standstill& standstill, uint64_t now) {
  for (uint32_t id = 1; id < guards_.end(); id++) {
    Guard* guard = guards_.Get(id);
    if (guard != nullptr && !IsPlayed(guard->limit(0).feed)) guard->DiscountGap(standstill.duration, now);
  }
  for (const auto& source : sources_.all()) source->Discount(standstill, now);
  const bool always = standstill.duration >= kLongStandstill;
  for (const auto& feed : sources_.feeds()) {
    if (always || (standstill.stopped && standstill.duration > feed->series.window())) feed->series.Reset();
  }
}

void Monitor::ForgetBaselines() {
  for (const auto& feed : sources_.feeds()) feed->series.Reset();
}

void Monitor::Stop() {
  push_triggers_.Clear();
  sources_.SweepAll();
}

// ---- series --------------------------------------------------------------------------------------------------------

uint32_t Monitor::Subscribe(Environment* environment, Metric metric, const Selector& selector, uint64_t window,
                            uint32_t cell, bool must_exist, uint64_t now, Failure* why) {
  Source* source = sources_.Find(metric, selector, now, must_exist, why);
  if (source == nullptr) return 0;
  Feed* feed = sources_.FindFeed(source, metric, window);
  const bool stale = feed->last_read == 0 || now - feed->last_read >= source->MinPeriod(metric);
  if (stale && (!source->blocking() || source->overdue())) {
    ReadSource(source, now, MaskOf(metric));
    verdicts_.Judge(now);
  }
  if (must_exist && feed->series.now().state == Value::kUnavailable) {
    *why = feed->series.failure();
    DropFeedIfUnused(feed, now);
    return 0;
  }
  std::unique_ptr<Subscription> subscription(new Subscription{environment, feed, cell, kNever});
  feed->subscriptions.push_back(subscription.get());
  feed->PublishTo(*subscription);
  return subscriptions_.Add(std::move(subscription));
}

void Monitor::Unsubscribe(uint32_t subscription, uint64_t now) {
  if (subscriptions_.Get(subscription) != nullptr) DropSubscription(subscription, now);
}

void Monitor::DropSubscription(uint32_t id, uint64_t now) {
  Subscription* subscription = subscriptions_.Get(id);
  Feed* feed = subscription->feed;
  EraseUnordered(&feed->subscriptions, subscription);
  subscriptions_.Remove(id);
  feed->Schedule(stretch_);
  DropFeedIfUnused(feed, now);
  Plan();
}

void Monitor::DropFeedIfUnused(Feed* feed, uint64_t now) {
  if (!feed->subscriptions.empty() || feed->watched()) return;
  requests_.Forget(feed);
  sources_.Drop(feed, now);
}

void Monitor::SetPeriod(uint32_t subscription, uint64_t period) {
  Subscription* found = subscriptions_.Get(subscription);
  if (found == nullptr) return;
  found->period = period;
  found->feed->Schedule(stretch_);
  Plan();
}

bool Monitor::JudgeFullHeap(Environment* environment, uint64_t now) {
  bool breached = false;
  for (const auto& feed : sources_.feeds()) {
    const Metric metric = feed->series.metric();
    if (feed->source->environment() != environment || (metric != Metric::kHeap && metric != Metric::kHeapUsed))
      continue;
    ReadSource(feed->source, now, MaskOf(metric));
    feed->Rush(now, verdicts_.dirty());
    breached |= feed->breached();
  }
  verdicts_.Judge(now);
  Plan();
  return breached;
}

void Monitor::Hurry(int64_t pid, uint64_t now) {
  for (const auto& feed : sources_.feeds()) {
    if (feed->source->pid() == pid && feed->due != kNever) feed->Hurry(now);
  }
  Plan();
}

Feed* Monitor::FeedOf(uint32_t subscription) const {
  const Subscription* found = subscriptions_.Get(subscription);
  return found == nullptr ? nullptr : found->feed;
}

const Guard* Monitor::GuardOf(uint32_t guard) const {
  Guard* found = guards_.Get(guard);
  return found == nullptr || IsPlayed(found->limit(0).feed) ? nullptr : found;
}

SubscriptionInfo Monitor::InfoOf(uint32_t subscription) const {
  SubscriptionInfo info;
  const Feed* feed = FeedOf(subscription);
  if (feed == nullptr) return info;
  const Metric metric = feed->series.metric();
  if (feed->due != kNever) info.period = feed->due - feed->last_read;
  info.min_period = feed->source->MinPeriod(metric);
  std::strncpy(info.origin, feed->source->Origin(metric, feed->series.part()), sizeof(info.origin) - 1);
  info.failure = feed->series.failure();
  return info;
}

void Monitor::Refresh(const Environment* environment, uint64_t now) {
  for (auto& source : sources_.all()) {
    if (source->environment() == environment && source->pending() != 0)
      ReadSource(source.get(), now, source->pending());
  }
  verdicts_.Judge(now);
  requests_.Answer();
  Plan();
}

void Monitor::Request(Environment* environment, uint32_t request, const uint32_t* subscriptions, uint32_t count,
                      uint64_t now) {
  List<Feed*> feeds;
  for (uint32_t i = 0; i < count; i++) {
    Feed* feed = FeedOf(subscriptions[i]);
    if (feed != nullptr) feeds.push_back(feed);
  }
  requests_.Add(environment, request, now, std::move(feeds));
}

// ---- guards --------------------------------------------------------------------------------------------------------

uint32_t Monitor::AddGuard(Environment* environment, const GuardSpec& spec, const LimitRequest* limits, uint32_t count,
                           uint64_t now) {
  std::unique_ptr<Guard> owned(new Guard(environment, spec, count));
  Guard* guard = owned.get();
  guard->id = guards_.Add(std::move(owned));
  for (uint32_t i = 0; i < count; i++) {
    GuardLimit& limit = guard->limit(i);
    limit.limit.spec = limits[i].spec;
    limit.on_missing = limits[i].on_missing;
    limit.stack = limits[i].stack;
    limit.guard = guard;
    if (limits[i].subscription == kCondition) continue;
    limit.feed = FeedOf(limits[i].subscription);
    if (limit.feed == nullptr) limit.feed = new Feed(kPlayed, 0, nullptr);
    limit.feed->AddLimit(&limit);
    if (IsPlayed(limit.feed)) continue;
    limit.feed->StepOne(&limit, now);
    limit.feed->Schedule(stretch_);
  }
  for (uint32_t i = 0; i < count; i++) {
    Feed* feed = guard->limit(i).feed;
    if (feed != nullptr && !IsPlayed(feed)) push_triggers_.Arm(guard->limit(i));
  }
  limit_count_ += count;
  verdicts_.Add(guard);
  verdicts_.Judge(now);
  Plan();
  return guard->id;
}

void Monitor::RemoveGuard(uint32_t guard) {
  if (guards_.Get(guard) != nullptr) DropGuard(guard);
}

bool Monitor::StepCondition(uint32_t guard, uint32_t limit, double value, uint64_t late, uint64_t now) {
  Guard* found = guards_.Get(guard);
  if (found == nullptr || limit >= found->limit_count()) return false;
  const GuardLimit::Progress progress = found->StepCondition(limit, value, late, now);
  if (progress.changed && IsPlayed(found->limit(0).feed)) {
    Verdicts::JudgeOne(found, now);
  } else if (progress.changed) {
    verdicts_.Add(found);
    verdicts_.Judge(now);
    Plan();
  }
  return progress.proven;
}

void Monitor::DropGuard(uint32_t id) {
  Guard* guard = guards_.Get(id);
  for (uint32_t i = 0; i < guard->limit_count(); i++) {
    Feed* feed = guard->limit(i).feed;
    if (feed == nullptr) continue;
    feed->RemoveLimit(&guard->limit(i));
    // If limits remain, the next read schedules again. Closing thousands of guards must not go through all others each
    // time.
    if (feed->watched()) continue;
    if (IsPlayed(feed)) {
      delete feed;
    } else {
      feed->Schedule(stretch_);
      push_triggers_.Disarm(feed);
    }
  }
  limit_count_ -= guard->limit_count();
  verdicts_.Forget(guard);
  if (guard->undelivered) EraseUnordered(&guard->environment()->undelivered, guard);
  guards_.Remove(id);
  Plan();
}

uint64_t Monitor::PlayGuard(uint32_t id, uint64_t now, uint64_t gap, const double* values, size_t count) {
  Guard* guard = guards_.Get(id);
  if (guard == nullptr || count < guard->limit_count()) return kNever;
  guard->DiscountGap(gap, now);
  // Marked as dirty beforehand, so that its feeds do not pass it to the verdicts, which use the machine's clock.
  guard->dirty = true;
  uint64_t end = kNever;
  for (uint32_t i = 0; i < guard->limit_count(); i++) {
    GuardLimit& limit = guard->limit(i);
    if (limit.feed == nullptr) continue;
    if (!std::isinf(values[i])) {
      readings_.SetLevel(kPlayed, values[i]);
      limit.feed->Settle(readings_[kPlayed], readings_.failure, now, nullptr);
    }
    const uint64_t dwell_end = DwellEnd(limit.limit);
    if (dwell_end > now) end = std::min(end, dwell_end);
  }
  Verdicts::JudgeOne(guard, now);
  return std::min(end, guard->hold_end());
}

List<EvidenceCopy> Monitor::EvidenceOf(uint32_t guard, uint64_t now) const {
  List<EvidenceCopy> copies;
  Guard* found = guards_.Get(guard);
  if (found == nullptr || found->breaches() == 0) return copies;
  // While only `min_hold` keeps the guard breached, all limits of the breach count as breached.
  const bool held = found->hold_end() != kNever;
  for (uint32_t i = 0; i < found->limit_count(); i++) {
    GuardLimit& each = found->limit(i);
    if (each.evidence.breach != found->breaches()) continue;
    copies.push_back(EvidenceCopy{i, held || each.guilty(), each.evidence, 0, nullptr});
    if (each.evidence.block != 0) AddBlock(found->environment(), &each, now, &copies.back());
  }
  return copies;
}

// ---- environments --------------------------------------------------------------------------------------------------

void Monitor::RemoveEnvironment(Environment* environment, uint64_t now) {
  for (uint32_t id = 1; id < guards_.end(); id++) {
    const Guard* guard = guards_.Get(id);
    if (guard != nullptr && guard->environment() == environment) DropGuard(id);
  }
  requests_.RemoveEnvironment(environment);
  for (uint32_t id = 1; id < subscriptions_.end(); id++) {
    const Subscription* each = subscriptions_.Get(id);
    if (each != nullptr && each->environment == environment) DropSubscription(id, now);
  }
}

}  // namespace tripline
