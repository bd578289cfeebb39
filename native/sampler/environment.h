// One JavaScript environment (the main thread or a worker) as the sampler sees it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sampler/board.h"
#include "sampler/guard.h"
#include "sampler/loop.h"
#include "sampler/ticker.h"
#include "util/list.h"

namespace tripline {

class Environment {
 public:
  // `notify` asks JavaScript to fetch what is undelivered; it must not block and is called with the sampler's lock
  // held, once until it is acknowledged.
  Environment(void (*notify)(void*), void* context) : notify_(notify), context_(context) {}

  // The notification has arrived and JavaScript is about to fetch what is undelivered; anything new notifies again.
  void Acknowledge() { notified_ = false; }

  void Deliver(Guard* guard) {
    if (!guard->undelivered) undelivered.push_back(guard);
    guard->undelivered = true;
    board.SetNews(true);
    Notify();
  }
  void Answer(uint32_t request) {
    answered.push_back(request);
    board.SetNews(true);
    Notify();
  }
  // Requests a heartbeat from JavaScript; see loop.h.
  void AskForHeartbeat(uint64_t now) {
    heartbeat.sent = now;
    beat_wanted = true;
    board.SetNews(true);
    Notify();
  }
  void TakeHeartbeat(uint64_t now, double idle_ms, double heap_used, double heap_limit) {
    heartbeat.answered = now;
    heartbeat.delay = now - heartbeat.sent;
    heartbeat.idle_ms = idle_ms;
    heartbeat.heap_used = heap_used;
    heartbeat.heap_limit = heap_limit;
  }
  void Drained() {
    beat_wanted = false;
    for (Guard* each : undelivered) each->undelivered = false;
    undelivered.clear();
    answered.clear();
    board.SetNews(false);
  }

  // Beats are kept apart from guard events, so that fetching them allocates nothing.
  void Deliver(Ticker* ticker) {
    ticker->undelivered = true;
    tickers_.push_back(ticker);
    Notify();
  }
  void Forget(const Ticker* ticker) { tickers_.erase(std::find(tickers_.begin(), tickers_.end(), ticker)); }
  // Removes and returns the ticker that has waited longest; nullptr if there is none.
  Ticker* NextTicker() {
    if (tickers_.empty()) return nullptr;
    Ticker* first = tickers_.front();
    tickers_.erase(tickers_.begin());
    first->undelivered = false;
    return first;
  }

  Board board;
  List<Guard*> undelivered;
  List<uint32_t> answered;
  Heartbeat heartbeat;
  bool beat_wanted = false;

 private:
  void Notify() {
    if (notified_) return;
    notified_ = true;
    notify_(context_);
  }

  List<Ticker*> tickers_;  // with a delivery to be fetched
  void (*const notify_)(void*);
  void* const context_;
  bool notified_ = false;
};

}  // namespace tripline
