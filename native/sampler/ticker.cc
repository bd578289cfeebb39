#include "sampler/ticker.h"

#include <algorithm>

#include "sampler/environment.h"

namespace tripline {

// ---- one ticker ----------------------------------------------------------------------------------------------------

Ticker::Ticker(Environment* environment, const TickerSpec& spec, uint64_t now)
    : environment_(environment), spec_(spec), grid_(now + spec.period, spec.period), wake_(grid_.next()) {}

bool Ticker::Beat(uint64_t now) {
  if (undelivered) {
    wake_ = kNever;
    return false;
  }
  wake_ = grid_.After(now);
  return true;
}

Beats Ticker::Take(uint64_t now) {
  if (paused_) return Beats{};
  const Beats beats = grid_.Take(now);
  // Ordinary lateness must not add up, so only a beat that was really missed moves the grid.
  const bool missed = beats.count > 1 || (beats.count == 1 && now - beats.due >= grid_.period() / 2);
  if (spec_.delay && missed) grid_.MoveTo(now + grid_.period());
  Plan();
  return beats;
}

void Ticker::SetPeriod(uint64_t period, uint64_t now) {
  grid_.SetPeriod(period, now);
  Plan();
}

void Ticker::Pause() {
  paused_ = true;
  wake_ = kNever;
}

void Ticker::Resume(uint64_t earliest) {
  paused_ = false;
  grid_.NotBefore(earliest);
  Plan();
}

void Ticker::Hold() {
  held_ = true;
  wake_ = kNever;
}

Beats Ticker::Release(uint64_t now) {
  held_ = false;
  return Take(now);
}

// ---- all of them ---------------------------------------------------------------------------------------------------

uint32_t Tickers::Add(Environment* environment, const TickerSpec& spec, Failure* why) {
  MutexLock lock(host_->lock());
  if (spec.period == 0 || !host_->EnsureThread(why)) return 0;
  if (spec.real_time) real_time_++;
  return tickers_.Add(std::make_unique<Ticker>(environment, spec, MonotonicNow()))->id;
}

void Tickers::Remove(uint32_t id) {
  MutexLock lock(host_->lock());
  Drop(id);
}

void Tickers::Drop(uint32_t id) {
  Ticker* ticker = tickers_.Get(id);
  if (ticker == nullptr) return;
  if (ticker->undelivered) ticker->environment()->Forget(ticker);
  if (ticker->real_time()) real_time_--;
  tickers_.Remove(id);
  // The thread may end now.
  if (tickers_.empty()) host_->WakeBy(0);
}

void Tickers::SetPeriod(uint32_t id, uint64_t period) {
  MutexLock lock(host_->lock());
  Ticker* ticker = tickers_.Get(id);
  if (ticker == nullptr || period == 0) return;
  ticker->SetPeriod(period, MonotonicNow());
  host_->WakeBy(ticker->wake());
}

void Tickers::Pause(uint32_t id) {
  MutexLock lock(host_->lock());
  Ticker* ticker = tickers_.Get(id);
  if (ticker != nullptr) ticker->Pause();
}

void Tickers::Resume(uint32_t id, uint64_t delay) {
  MutexLock lock(host_->lock());
  Ticker* ticker = tickers_.Get(id);
  if (ticker == nullptr) return;
  ticker->Resume(MonotonicNow() + delay);
  host_->WakeBy(ticker->wake());
}

void Tickers::Hold(uint32_t id) {
  MutexLock lock(host_->lock());
  Ticker* ticker = tickers_.Get(id);
  if (ticker != nullptr) ticker->Hold();
}

Beats Tickers::Release(uint32_t id) {
  MutexLock lock(host_->lock());
  Ticker* ticker = tickers_.Get(id);
  if (ticker == nullptr) return Beats{};
  const Beats beats = ticker->Release(MonotonicNow());
  host_->WakeBy(ticker->wake());
  return beats;
}

uint32_t Tickers::Take(Environment* environment, Tick* out, uint32_t capacity) {
  MutexLock lock(host_->lock());
  const uint64_t now = MonotonicNow();
  uint32_t count = 0;
  Ticker* ticker;
  while (count < capacity && (ticker = environment->NextTicker()) != nullptr) {
    const Beats beats = ticker->Take(now);
    host_->WakeBy(ticker->wake());
    if (beats.count > 0) out[count++] = Tick{ticker->id, beats};
  }
  return count;
}

uint64_t Tickers::Beat(uint64_t now) {
  AssertLocked();
  uint64_t next = kNever;
  for (const auto& each : tickers_) {
    if (each->wake() <= now && each->Beat(now)) each->environment()->Deliver(each.get());
    next = std::min(next, each->wake());
  }
  return next;
}

void Tickers::RemoveEnvironment(const Environment* environment) {
  AssertLocked();
  for (size_t i = tickers_.size(); i-- > 0;) {
    if (tickers_[i]->environment() == environment) Drop(tickers_[i]->id);
  }
}

}  // namespace tripline
