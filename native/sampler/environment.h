// One JavaScript environment (the main thread or a worker) as the sampler sees it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "sampler/blocked_stack.h"
#include "sampler/board.h"
#include "sampler/guard.h"
#include "sampler/idle_clock.h"
#include "sampler/loop.h"
#include "sampler/ticker.h"
#include "util/list.h"

namespace tripline {

class FlightLog;

class Environment {
 public:
  // `notify` asks JavaScript to fetch what is undelivered; it must not block and is called with the sampler's lock
  // held, once until it is acknowledged.
  Environment(void (*notify)(void*), void* context) : notify_(notify), context_(context) {}

  // The notification has arrived, so the loop turns, which answers a heartbeat. True if JavaScript has anything to
  // fetch; what is new afterwards notifies again.
  bool Acknowledge(uint64_t now) {
    notified_ = false;
    heartbeat.Answer(now);
    if (stack != nullptr) stack->Release();
    return figures_wanted || !undelivered.empty() || !answered.empty() || !tickers_.empty();
  }

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
  // Requests a heartbeat; with `figures`, JavaScript is asked for its own too. See loop.h.
  void AskForHeartbeat(uint64_t now, bool figures) {
    if (!heartbeat.outstanding()) {
      heartbeat.sent = now;
      heartbeat.number++;
    }
    if (figures) {
      figures_wanted = true;
      board.SetNews(true);
    }
    Notify();
  }
  void TakeFigures(const LoopFigures& given) {
    figures = given;
    heap_full = false;
    figures.look = idle_clock.Look();
  }
  // Asks for the stack of the code that blocks the loop, if it is blocked and stacks are watched. Does not wait.
  void AskForStack() {
    if (stack != nullptr && heartbeat.outstanding()) stack->Ask(heartbeat.number);
  }
  // Excludes the `gap` nanoseconds before `now`, in which the process was stopped as a whole.
  void DiscountGap(uint64_t gap, uint64_t now);
  void Drained() {
    figures_wanted = false;
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
  LoopFigures figures;
  bool heap_full = false;  // the figures are those of V8's callback
  bool figures_wanted = false;
  IdleClock idle_clock;                 // of the loop, which may not be touched once the environment is removed
  IdleLook look;                        // the latest
  std::unique_ptr<BlockedStack> stack;  // nullptr unless a limit wants stacks
  FlightLog* first_log = nullptr;       // of the list of its flight logs
  const void* operations = nullptr;     // the table of operations that JavaScript keeps for them
  size_t operations_size = 0;           // bytes

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
