// What the tests over the scripted system share: a fresh script that leaves nothing behind, and an environment with its
// board, as JavaScript has it.
#pragma once

#include <vector>

#include "check.h"
#include "sampler/sampler.h"
#include "scripted_system/system.h"

namespace tripline::test {

// A test begins with a fresh script. At its end, the thread has ended and nothing is left of it.
struct Script {
  Script() {
    System::Reset();
    // Nor was there one before.
    CHECK(Sampler::Get()->Stats().unlocked.failed());
  }
  ~Script() {
    System::OpenDoor();
    // Longer than the thread lingers and than sources are kept.
    System::Run(5 * kSecond);
    CHECK_EQ(System::threads(), 0);
    CHECK_EQ(System::probes(), 0);
    CHECK_EQ(System::triggers(), 0);
    CHECK_EQ(System::watched(), 0);
    CHECK_EQ(System::locked_ranges(), 0);
    CHECK_EQ(System::files(), 0);
    CHECK(!System::waiter_open());
    const SamplerStats stats = Sampler::Get()->Stats();
    CHECK(!stats.running);
    CHECK_EQ(stats.guards + stats.limits + stats.series + stats.tickers, 0u);
  }
};

// One environment with a board, as JavaScript has it.
struct World {
  static constexpr uint32_t kWords = 1 << 16;
  static constexpr uint32_t kFirstCell = 32;
  static constexpr uint32_t kFirstFlag = 4096;

  Sampler* const sampler = Sampler::Get();
  Environment environment{Notify, this};
  std::vector<int32_t> words = std::vector<int32_t>(kWords);
  int notified = 0;
  uint64_t notify_cost = 0;  // how long a notification takes on the clock
  uint32_t cells = kFirstCell, flags = kFirstFlag;
  Failure why;

  World() { sampler->AttachBoard(&environment, words.data(), words.size()); }
  ~World() { sampler->RemoveEnvironment(&environment); }

  static void Notify(void* self) {
    static_cast<World*>(self)->notified++;
    System::Delay(static_cast<World*>(self)->notify_cost);
  }

  uint32_t Subscribe(Metric metric, const char* name = "", uint64_t window = 0) {
    Selector selector;
    selector.name = name;
    selector.environment = &environment;
    const uint32_t made = sampler->Subscribe(&environment, metric, selector, window, cells, false, &why);
    cells += 10;
    return made;
  }

  static LimitRequest Above(uint32_t series, double enter, uint64_t dwell = 0) {
    return {series, LimitSpec{enter, enter * 0.9, dwell, 0, true}, OnMissing::kUnavailable};
  }
  // The guard's flag is that of its place in the order of all guards.
  uint32_t Guard(const LimitRequest& limit, uint64_t within = 100 * kMillisecond, uint64_t interval = 0) {
    GuardSpec spec;
    spec.within = within;
    spec.interval = interval;
    spec.flag = flags++;
    return sampler->AddGuard(&environment, spec, &limit, 1, &why);
  }
  LimitState StateAt(uint32_t place) const { return static_cast<LimitState>(words[kFirstFlag + place] & 7); }
  LimitState state() const { return StateAt(0); }
  // How often the first guard was breached.
  int32_t breaches() const { return words[kFirstFlag] >> 3; }

  // Fetches as JavaScript does.
  News Fetch() {
    sampler->Acknowledge(&environment);
    return sampler->Drain(&environment);
  }
};

}  // namespace tripline::test
