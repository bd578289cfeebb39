#include "sampler/sampler.h"

#include <algorithm>
#include <cstring>

namespace tripline {
namespace {

// The thread outlives its last user by this much, so that guards made and closed in a loop do not each start one.
constexpr uint64_t kLinger = 50 * kMillisecond;

// The governor: how much of one core the adaptive reads may take, and how often that is looked at.
constexpr double kBudget = 0.005;
constexpr uint64_t kGovernEvery = 64;  // wake-ups
// What is not used is saved up to this much: a value that races towards a limit, or hovers at it for a second or two,
// is read as fast as its source allows.
constexpr double kMostSaved = 50.0 * kMillisecond;
constexpr uint64_t kClockEvery = 16;  // how often the thread looks at its own CPU clock
constexpr double kMaxStretch = 64;

// A probe outlives its last user by this much, for the same reason: its files stay open.
constexpr uint64_t kKeepSource = kSecond;

// A read that comes this much later than planned means that the process or the machine stood still.
constexpr uint64_t kGap = 5 * kSecond;

// How much the sleep clock may grow without it being a suspend: the two clocks are not read at one instant.
constexpr uint64_t kSuspendNoise = 50 * kMillisecond;

// How often gaps are looked for: at a thousand reads a second the clocks alone would be a fifth of the cost.
constexpr uint64_t kGapsEvery = 10 * kMillisecond;

template <typename T>
void EraseUnordered(List<T>* items, const T& item) {
  auto found = std::find(items->begin(), items->end(), item);
  if (found == items->end()) return;
  *found = std::move(items->back());
  items->pop_back();
}

template <typename T>
void EraseOwned(List<std::unique_ptr<T>>* items, const T* item) {
  for (auto& each : *items) {
    if (each.get() != item) continue;
    each = std::move(items->back());
    items->pop_back();
    return;
  }
}

}  // namespace

Sampler* Sampler::Get() {
  // Never destroyed: process.exit() runs static destructors while the thread lives.
  static Sampler* const sampler = new Sampler;
  return sampler;
}

// ---- the thread ----------------------------------------------------------------------------------------------------

bool Sampler::EnsureThread(Failure* why) {
  idle_since_ = 0;
  if (running_) {
    waiter_.Wake();
    return true;
  }
  if (!waiter_.Open(why)) return false;
  running_ = StartThread(ThreadBody, this, "tripline");
  if (running_) return true;
  waiter_.Close();
  why->Set("the sampling thread could not be started (out of memory, or at the limit of threads?)");
  return false;
}

void Sampler::ThreadBody(void* self) {
  PreferPunctuality();
  static_cast<Sampler*>(self)->Loop();
}

void Sampler::WakeFromHelper(void* self) {
  auto* sampler = static_cast<Sampler*>(self);
  sampler->lock_.AssertHeld();
  if (sampler->running_) sampler->waiter_.Wake();
}

void Sampler::WakeBy(uint64_t due) {
  if (running_ && due < sleeping_until_) waiter_.Wake();
}

Feed* Sampler::FeedOf(uint32_t subscription) {
  const Subscription* found = subscriptions_.Get(subscription);
  return found == nullptr ? nullptr : found->feed;
}

bool Sampler::Idle() const {
  return guards_.count() == 0 && outstanding_.empty() && next_due_ == kNever && tickers_.empty() && recorders_.empty();
}

void Sampler::Loop() {
  lock_.Lock();
  suspended_ = SuspendedTotal();
  governed_at_ = MonotonicNow();
  governed_cpu_ = ThreadCpuNow();
  governed_wakeups_ = wakeups_;
  stretch_ = 1;
  saved_ = kMostSaved;
  real_time_asked_ = false;
  punctuality_ = ObtainedPunctuality();
  for (;;) {
    const uint64_t now = MonotonicNow();
    const uint64_t wakeups = wakeups_ - governed_wakeups_;
    if (wakeups >= kGovernEvery || (wakeups > 0 && stretch_ > 1 && now - governed_at_ >= kSecond)) Govern(now);
    uint64_t deadline = Pass(now);
    if (Idle()) {
      if (idle_since_ == 0) idle_since_ = now;
      if (now - idle_since_ >= kLinger) break;
      deadline = idle_since_ + kLinger;
    } else {
      idle_since_ = 0;
    }
    if (tickers_.real_time() != real_time_asked_) FollowRealTime();
    sleeping_until_ = deadline;
    lock_.Unlock();
    PushTrigger* rung[Waiter::kMostRung];
    const uint32_t rings = waiter_.Wait(deadline, rung);
    lock_.Lock();
    sleeping_until_ = 0;
    wakeups_++;
    push_triggers_.Acknowledge(rung, rings);
    if (wakeups_ % kClockEvery == 0) cpu_ = ThreadCpuNow() + cpu_before_;
  }
  push_triggers_.Clear();
  DropSources(0, true);
  waiter_.Close();
  cpu_before_ += ThreadCpuNow();
  cpu_ = cpu_before_;
  running_ = false;
  lock_.Unlock();
}

void Sampler::FollowRealTime() {
  real_time_asked_ = tickers_.real_time();
  SetRealTime(real_time_asked_);
  punctuality_ = ObtainedPunctuality();
}

uint64_t Sampler::Pass(uint64_t now) {
  // Beats first: reads take longer than a beat may be late.
  const uint64_t next_beat = tickers_.Beat(now);
  const uint64_t reads_before = reads_;
  NoticeGaps(now);
  for (auto& source : sources_) {
    SettleAll(source.get(), source->Take(now, &readings_), now);
    MetricMask wanted = source->queued();
    for (const Feed* each : source->feeds) {
      if (each->due != kNever && each->due <= now + each->slack()) wanted |= MaskOf(each->series.metric());
    }
    if (wanted != 0) ReadSource(source.get(), now, wanted);
  }
  JudgeDirty(now);
  AnswerRequests();
  if (reads_ != reads_before) reading_wakeups_++;
  DropSources(now, false);
  const uint64_t next_row = recorders_.Record(now);
  next_due_ = NextDue();
  return std::min({next_due_, next_beat, next_row});
}

void Sampler::ReadSource(Source* source, uint64_t now, MetricMask wanted) {
  reads_++;
  const MetricMask answered = source->Read(now, wanted, &readings_);
  SettleAll(source, answered, now);
  if ((wanted & ~answered) == 0) return;
  // Planned anew when the read comes back; until then only so often that it cannot be forgotten.
  for (Feed* each : source->feeds) {
    if ((wanted & ~answered & MaskOf(each->series.metric())) != 0) each->due = now + kSecond;
  }
}

void Sampler::SettleAll(Source* source, MetricMask answered, uint64_t now) {
  if (answered == 0) return;
  for (Feed* each : source->feeds) {
    const Metric metric = each->series.metric();
    if ((answered & MaskOf(metric)) == 0) continue;
    each->Settle(readings_[metric], readings_.failure, now, &dirty_);
    each->Schedule(stretch_);
  }
}

void Sampler::JudgeDirty(uint64_t now) {
  for (size_t i = held_.size(); i-- > 0;) {
    if (now < held_[i]->hold_end() || held_[i]->dirty) continue;
    held_[i]->dirty = true;
    dirty_.push_back(held_[i]);
  }
  bool released = false;
  for (Guard* each : dirty_) {
    each->dirty = false;
    const bool edge = each->Judge(now);
    Environment* environment = each->environment();
    environment->board.WriteFlag(each->spec().flag, static_cast<uint8_t>(each->state()), each->breaches());
    const bool holds = each->hold_end() != kNever;
    if (holds && !each->held) held_.push_back(each);
    released |= each->held && !holds;
    each->held = holds;
    if (!edge) continue;
    environment->board.CountEdge();
    environment->Deliver(each);
  }
  dirty_.clear();
  if (!released) return;
  const auto let_go = [](const Guard* each) { return !each->held; };
  held_.erase(std::remove_if(held_.begin(), held_.end(), let_go), held_.end());
}

void Sampler::AnswerRequests() {
  for (size_t i = outstanding_.size(); i-- > 0;) {
    const Outstanding& each = outstanding_[i];
    const bool fresh = std::all_of(each.feeds.begin(), each.feeds.end(), [&each](const Feed* feed) {
      const Value& value = feed->series.now();
      if (value.state != Value::kUnknown && value.at >= each.since) return true;
      // Counters that stand still never make a share: after a window and a bit there is nothing more to wait for.
      const uint64_t window = feed->series.window();
      return feed->last_read >= each.since + window + window / 4;
    });
    if (!fresh) continue;
    each.environment->Answer(each.request);
    outstanding_[i] = std::move(outstanding_.back());
    outstanding_.pop_back();
  }
}

void Sampler::NoticeGaps(uint64_t now) {
  if (now - gaps_at_ < kGapsEvery) return;
  gaps_at_ = now;
  const uint64_t suspended = SuspendedTotal();
  const bool slept = suspended > suspended_ + kSuspendNoise;
  suspended_ = suspended;
  for (auto& feed : feeds_) {
    if (slept || (feed->due != kNever && now > feed->due + kGap)) feed->series.Reset();
  }
}

void Sampler::Govern(uint64_t now) {
  const uint64_t cpu = ThreadCpuNow();
  const uint64_t elapsed = now - governed_at_;
  if (elapsed == 0) return;
  // What tickers cost is not for the guards to save: only wake-ups with a read count.
  const double reading = static_cast<double>(reading_wakeups_) / static_cast<double>(wakeups_ - governed_wakeups_);
  const double used = static_cast<double>(cpu - governed_cpu_) * reading;
  const double allowed = static_cast<double>(elapsed) * kBudget;
  saved_ = std::max(0.0, std::min(kMostSaved, saved_ + allowed - used));
  governed_wakeups_ = wakeups_;
  governed_at_ = now;
  governed_cpu_ = cpu;
  reading_wakeups_ = 0;
  // Once stretched, only what is worth a second of the budget ends it: no swinging to and fro.
  const bool afford = saved_ > (stretch_ > 1 ? kBudget * kSecond : 0);
  stretch_ = afford ? 1 : std::min(kMaxStretch, std::max(1.0, stretch_ * used / allowed));
}

uint64_t Sampler::NextDue() const {
  // The first moment at which somebody can wait no longer...
  uint64_t latest = kNever;
  for (const auto& source : sources_) latest = std::min(latest, source->OverdueAt());
  for (const Guard* each : held_) latest = std::min(latest, each->hold_end());
  uint64_t due = latest;
  for (const auto& feed : feeds_) {
    if (feed->due == kNever || feed->due + feed->patience() >= latest) continue;
    latest = feed->due + feed->patience();
    due = feed->due;
  }
  // ...and the last one up to it at which a read falls due: that wake-up serves all of them.
  for (const auto& feed : feeds_) {
    if (feed->due <= latest && feed->due > due) due = feed->due;
  }
  return due;
}

void Sampler::Replan() {
  next_due_ = NextDue();
  if (running_ && Idle()) waiter_.Wake();
}

// ---- environments --------------------------------------------------------------------------------------------------

void Sampler::AttachBoard(Environment* environment, int32_t* words, size_t count) {
  MutexLock lock(&lock_);
  environment->board.Attach(words, count);
}

void Sampler::RemoveEnvironment(Environment* environment) {
  MutexLock lock(&lock_);
  tickers_.RemoveEnvironment(environment);
  recorders_.RemoveEnvironment(environment);
  for (uint32_t id = 1; id < guards_.end(); id++) {
    const Guard* guard = guards_.Get(id);
    if (guard != nullptr && guard->environment() == environment) DropGuard(id);
  }
  for (size_t i = outstanding_.size(); i-- > 0;) {
    if (outstanding_[i].environment != environment) continue;
    outstanding_[i] = std::move(outstanding_.back());
    outstanding_.pop_back();
  }
  for (uint32_t id = 1; id < subscriptions_.end(); id++) {
    const Subscription* each = subscriptions_.Get(id);
    if (each != nullptr && each->environment == environment) DropSubscription(id);
  }
  environment->board.Attach(nullptr, 0);
}

// ---- series --------------------------------------------------------------------------------------------------------

Source* Sampler::FindSource(Metric metric, const Selector& selector, bool must_exist, Failure* why) {
  for (auto& each : sources_) {
    if (each->Matches(metric, selector)) return each.get();
  }
  std::unique_ptr<Source> made(new Source(metric, selector, MakeProbeOf, &lock_, WakeFromHelper, this));
  if (!made->Make(MonotonicNow(), why) && must_exist) return nullptr;
  sources_.push_back(std::move(made));
  return sources_.back().get();
}

Feed* Sampler::FindFeed(Source* source, Metric metric, uint64_t window) {
  const uint64_t effective = window != 0 ? window : tripline::InfoOf(metric).window_ms * kMillisecond;
  for (Feed* each : source->feeds) {
    if (each->series.metric() == metric && each->series.window() == effective) return each;
  }
  if (source->feeds.empty() && source->unused_since != 0) unused_sources_--;
  source->unused_since = 0;
  feeds_.push_back(std::unique_ptr<Feed>(new Feed(metric, window, source)));
  source->feeds.push_back(feeds_.back().get());
  return feeds_.back().get();
}

void Sampler::DropFeedIfUnused(Feed* feed) {
  if (!feed->subscriptions.empty() || feed->watched()) return;
  for (Outstanding& each : outstanding_) EraseUnordered(&each.feeds, feed);
  Source* source = feed->source;
  EraseUnordered(&source->feeds, feed);
  EraseOwned(&feeds_, feed);
  if (!source->feeds.empty()) return;
  if (running_ && source->keepable()) {
    source->unused_since = MonotonicNow();
    unused_sources_++;
  } else {
    EraseOwned(&sources_, source);
  }
}

void Sampler::DropSources(uint64_t now, bool all) {
  if (unused_sources_ == 0) return;
  for (size_t i = sources_.size(); i-- > 0;) {
    const Source& each = *sources_[i];
    if (!each.feeds.empty() || !(all || now - each.unused_since >= kKeepSource)) continue;
    sources_[i] = std::move(sources_.back());
    sources_.pop_back();
    unused_sources_--;
  }
}

uint32_t Sampler::Subscribe(Environment* environment, Metric metric, const Selector& selector, uint64_t window,
                            uint32_t cell, bool must_exist, Failure* why) {
  MutexLock lock(&lock_);
  Source* source = FindSource(metric, selector, must_exist, why);
  if (source == nullptr) return 0;
  Feed* feed = FindFeed(source, metric, window);
  const uint64_t now = MonotonicNow();
  const bool stale = feed->last_read == 0 || now - feed->last_read >= source->MinPeriod(metric);
  if (stale && (!source->blocking() || source->overdue())) {
    ReadSource(source, now, MaskOf(metric));
    JudgeDirty(now);
  }
  if (must_exist && feed->series.now().state == Value::kUnavailable) {
    *why = feed->series.failure();
    DropFeedIfUnused(feed);
    return 0;
  }
  std::unique_ptr<Subscription> subscription(new Subscription{environment, feed, cell, kNever});
  feed->subscriptions.push_back(subscription.get());
  feed->PublishTo(*subscription);
  return subscriptions_.Add(std::move(subscription));
}

void Sampler::Unsubscribe(uint32_t subscription) {
  MutexLock lock(&lock_);
  if (subscriptions_.Get(subscription) != nullptr) DropSubscription(subscription);
}

void Sampler::DropSubscription(uint32_t id) {
  Subscription* subscription = subscriptions_.Get(id);
  Feed* feed = subscription->feed;
  EraseUnordered(&feed->subscriptions, subscription);
  subscriptions_.Remove(id);
  feed->Schedule(stretch_);
  DropFeedIfUnused(feed);
  Replan();
}

bool Sampler::SetPeriod(uint32_t subscription, uint64_t period, Failure* why) {
  MutexLock lock(&lock_);
  Subscription* found = subscriptions_.Get(subscription);
  if (found == nullptr) return true;
  if (period != kNever && !EnsureThread(why)) return false;
  found->period = period;
  found->feed->Schedule(stretch_);
  Replan();
  return true;
}

bool Sampler::Request(Environment* environment, uint32_t request, const uint32_t* subscriptions, uint32_t count,
                      Failure* why) {
  MutexLock lock(&lock_);
  if (!EnsureThread(why)) return false;
  Outstanding outstanding{environment, request, MonotonicNow(), {}};
  for (uint32_t i = 0; i < count; i++) {
    const Subscription* found = subscriptions_.Get(subscriptions[i]);
    if (found != nullptr) outstanding.feeds.push_back(found->feed);
  }
  outstanding_.push_back(std::move(outstanding));
  return true;
}

// ---- guards --------------------------------------------------------------------------------------------------------

uint32_t Sampler::AddGuard(Environment* environment, const GuardSpec& spec, const LimitRequest* limits, uint32_t count,
                           Failure* why) {
  MutexLock lock(&lock_);
  if (!EnsureThread(why)) return 0;
  const uint64_t now = MonotonicNow();
  std::unique_ptr<Guard> owned(new Guard(environment, spec, count));
  Guard* guard = owned.get();
  guard->id = guards_.Add(std::move(owned));
  for (uint32_t i = 0; i < count; i++) {
    GuardLimit& limit = guard->limit(i);
    limit.limit.spec = limits[i].spec;
    limit.on_missing = limits[i].on_missing;
    limit.guard = guard;
    limit.feed = subscriptions_.Get(limits[i].subscription)->feed;
    limit.feed->AddLimit(&limit);
    limit.feed->StepOne(&limit, now);
    limit.feed->Schedule(stretch_);
  }
  for (uint32_t i = 0; i < count; i++) push_triggers_.Arm(guard->limit(i));
  limit_count_ += count;
  guard->dirty = true;
  dirty_.push_back(guard);
  JudgeDirty(now);
  next_due_ = NextDue();
  return guard->id;
}

void Sampler::RemoveGuard(uint32_t guard) {
  MutexLock lock(&lock_);
  if (guards_.Get(guard) != nullptr) DropGuard(guard);
}

void Sampler::DropGuard(uint32_t id) {
  Guard* guard = guards_.Get(id);
  for (uint32_t i = 0; i < guard->limit_count(); i++) {
    Feed* feed = guard->limit(i).feed;
    feed->RemoveLimit(&guard->limit(i));
    // With others left, the next read plans anew: thousands of guards closed in a row must not each look at the rest.
    if (!feed->watched()) {
      feed->Schedule(stretch_);
      push_triggers_.Disarm(feed);
    }
  }
  limit_count_ -= guard->limit_count();
  if (guard->held) EraseUnordered(&held_, guard);
  if (guard->undelivered) EraseUnordered(&guard->environment()->undelivered, guard);
  guards_.Remove(id);
  Replan();
}

// ---- answers -------------------------------------------------------------------------------------------------------
// Copies: building JavaScript values under the lock would let a garbage collection hold up the thread.

List<EvidenceCopy> Sampler::EvidenceOf(uint32_t guard) {
  MutexLock lock(&lock_);
  List<EvidenceCopy> copies;
  Guard* found = guards_.Get(guard);
  if (found == nullptr || found->breaches() == 0) return copies;
  // While only the hold keeps it breached, all of the breach's limits stand for it.
  const bool held = found->hold_end() != kNever;
  for (uint32_t i = 0; i < found->limit_count(); i++) {
    const GuardLimit& each = found->limit(i);
    if (each.evidence.breach != found->breaches()) continue;
    copies.push_back(EvidenceCopy{i, held || each.guilty(), each.evidence});
  }
  return copies;
}

News Sampler::Drain(Environment* environment) {
  MutexLock lock(&lock_);
  News news;
  for (const Guard* each : environment->undelivered) news.guards.push_back(each->id);
  news.answers.swap(environment->answered);
  news.beat = environment->beat_wanted;
  environment->Drained();
  return news;
}

void Sampler::TakeHeartbeat(Environment* environment, double idle_ms, double heap) {
  MutexLock lock(&lock_);
  environment->TakeHeartbeat(MonotonicNow(), idle_ms, heap);
}

bool Sampler::CanPush(Metric metric, Failure* why) {
  MutexLock lock(&lock_);
  return CanRing(metric, why);
}

SubscriptionInfo Sampler::InfoOf(uint32_t subscription) {
  MutexLock lock(&lock_);
  SubscriptionInfo info;
  const Subscription* found = subscriptions_.Get(subscription);
  if (found == nullptr) return info;
  const Feed& feed = *found->feed;
  const Metric metric = feed.series.metric();
  if (feed.due != kNever) info.period = feed.due - feed.last_read;
  info.min_period = feed.source->MinPeriod(metric);
  std::strncpy(info.origin, feed.source->Origin(metric), sizeof(info.origin) - 1);
  info.failure = feed.series.failure();
  return info;
}

SamplerStats Sampler::Stats() {
  MutexLock lock(&lock_);
  return SamplerStats{running_,         wakeups_,     push_triggers_.rings(),
                      reads_,           cpu_,         stretch_,
                      guards_.count(),  limit_count_, static_cast<uint32_t>(feeds_.size()),
                      tickers_.count(), punctuality_};
}

}  // namespace tripline
