// Random programs of tickers on the sampler's thread, against a model that counts one beat after the other.
#include "sampler/ticker.h"

#include <vector>

#include "check.h"
#include "sampler/sampler.h"
#include "scripted_system/system.h"

using namespace tripline;
using tripline::test::System;

namespace {

// Random numbers that are the same in each run.
class Random {
 public:
  explicit Random(uint32_t seed) : state_(seed * 2654435761u + 1) {}
  uint32_t Below(uint32_t bound) {
    state_ = state_ * 1664525 + 1013904223;
    return (state_ >> 8) % bound;
  }

 private:
  uint32_t state_;
};

struct Model {
  uint32_t id = 0;
  bool delay = false;
  uint64_t period = 0;
  uint64_t next = 0;  // the first beat that was not taken
  uint64_t index = 0;
  bool paused = false;
  bool held = false;

  // Whether JavaScript has been notified of a beat.
  bool IsDue(uint64_t now) const { return !paused && !held && next <= now; }

  Beats Take(uint64_t now) {
    Beats beats;
    if (paused) return beats;
    for (; next <= now; next += period) {
      beats.count++;
      beats.index = index++;
      beats.due = next;
    }
    // A beat that was really missed moves those that follow.
    const bool missed = beats.count > 1 || (beats.count == 1 && now - beats.due >= period / 2);
    if (delay && missed) next = now + period;
    return beats;
  }
};

bool Same(const Beats& a, const Beats& b) {
  return a.count == b.count && (a.count == 0 || (a.index == b.index && a.due == b.due));
}

class Program {
 public:
  explicit Program(uint32_t seed) : random_(seed) {}
  ~Program() { Sampler::Get()->RemoveEnvironment(&environment_); }

  // False where the sampler and the model differ.
  bool Run(int steps) {
    for (int i = 0; i < steps; i++) {
      if (!Step()) return false;
    }
    return true;
  }

 private:
  static void Notify(void* self) { static_cast<Program*>(self)->notified_ = true; }

  bool Step() {
    Model* ticker = models_.empty() ? nullptr : &models_[random_.Below(static_cast<uint32_t>(models_.size()))];
    const uint64_t now = System::now();
    switch (random_.Below(10)) {
      case 0:
        if (models_.size() < 4) Add();
        return true;
      case 1:
        if (ticker == nullptr || random_.Below(3) > 0) return true;
        tickers_.Remove(ticker->id);
        models_.erase(models_.begin() + (ticker - models_.data()));
        return true;
      case 2:
        if (ticker == nullptr) return true;
        tickers_.SetPeriod(ticker->id, SetPeriod(ticker, now));
        return true;
      case 3:
        if (ticker == nullptr) return true;
        tickers_.Pause(ticker->id);
        ticker->paused = true;
        return true;
      case 4: {
        if (ticker == nullptr) return true;
        const uint64_t delay = random_.Below(3) * 3 * kMillisecond;
        tickers_.Resume(ticker->id, delay);
        ticker->paused = false;
        if (ticker->next < now + delay) ticker->next = now + delay;
        return true;
      }
      case 5:
        if (ticker == nullptr || !ticker->held) return true;
        ticker->held = false;
        return Same(tickers_.Release(ticker->id), ticker->Take(now));
      case 6:
      case 7: return Take();
      default: System::Run(random_.Below(40) * kMillisecond / 2); return true;
    }
  }

  void Add() {
    Model model;
    model.period = (1 + random_.Below(20)) * kMillisecond;
    model.delay = random_.Below(2) == 0;
    model.next = System::now() + model.period;
    Failure why;
    model.id = tickers_.Add(&environment_, TickerSpec{model.period, model.delay, false}, &why);
    models_.push_back(model);
  }

  uint64_t SetPeriod(Model* ticker, uint64_t now) {
    const uint64_t period = (1 + random_.Below(20)) * kMillisecond;
    // Later beats follow the last one; a beat that has passed is kept.
    if (ticker->next > now) {
      const uint64_t follows = ticker->next - ticker->period + period;
      ticker->next = follows > now ? follows : now;
    }
    ticker->period = period;
    return period;
  }

  // The event loop turns.
  bool Take() {
    System::Settle();
    const uint64_t now = System::now();
    bool due = false;
    for (const Model& each : models_) due = due || each.IsDue(now);
    // It was woken if there is anything to take.
    if (due && !notified_) return false;
    notified_ = false;
    Sampler::Get()->Acknowledge(&environment_);
    Tick ticks[8];
    const uint32_t count = tickers_.Take(&environment_, ticks, 8);
    uint32_t expected = 0;
    for (Model& each : models_) {
      if (!each.IsDue(now)) continue;
      expected++;
      const Beats beats = each.Take(now);
      bool found = false;
      for (uint32_t i = 0; i < count; i++) found = found || (ticks[i].id == each.id && Same(ticks[i].beats, beats));
      if (!found) return false;
      // Its body runs until it is released.
      if (random_.Below(3) == 0) {
        tickers_.Hold(each.id);
        each.held = true;
      }
    }
    return count == expected;
  }

  Random random_;
  Environment environment_{Notify, this};
  Tickers& tickers_ = Sampler::Get()->tickers();
  std::vector<Model> models_;
  bool notified_ = false;
};

}  // namespace

TEST(TickersAgreeWithAModelThatCounts) {
  for (uint32_t seed = 1; seed <= 300; seed++) {
    System::Reset();
    Program program(seed);
    const bool agrees = program.Run(120);
    CHECK_EQ(agrees ? 0u : seed, 0u);
    if (!agrees) break;
  }
  System::Run(kSecond);
  CHECK_EQ(System::threads(), 0);
}
