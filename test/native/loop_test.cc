// The metrics of an event loop that is scripted: whether it waits, and when it answers. Time is simulated, except where
// the loop's own clock is compared with the machine's.
#include "sampler/loop.h"

#include <unistd.h>

#include <algorithm>

#include "check.h"
#include "sampler/monitor.h"

using namespace tripline;

namespace {

constexpr uint32_t kCell = 8, kFlag = 40;

struct ScriptedLoop {
  bool waiting = true;
  bool gone = false;
  uint64_t idle = 5 * kSecond;
  uint32_t looks_when_gone = 0;

  static uint64_t Idle(void* raw) {
    auto* self = static_cast<ScriptedLoop*>(raw);
    if (self->gone) self->looks_when_gone++;
    if (self->waiting) self->idle += kMillisecond;
    return self->idle;
  }
};

struct World {
  Mutex lock;
  Monitor monitor{MakeProbeOf, nullptr, &lock, [](void*) {}, nullptr};
  uint32_t notified = 0;
  Environment environment{[](void* raw) { static_cast<World*>(raw)->notified++; }, this};
  ScriptedLoop loop;
  int32_t words[64] = {};
  uint64_t now = 1000 * kSecond;
  bool answers = false;  // each heartbeat at once, as a loop does that is only busy
  double idle_ms = 0;    // what the loop itself counts

  explicit World(bool clock = true) {
    environment.board.Attach(words, 64);
    if (clock) environment.idle_clock = IdleClock{ScriptedLoop::Idle, &loop};
  }
  ~World() { monitor.RemoveEnvironment(&environment, now); }

  uint32_t Subscribe(Metric metric) {
    Selector selector;
    selector.environment = &environment;
    Failure why;
    const uint32_t series = monitor.Subscribe(&environment, metric, selector, 0, kCell, true, now, &why);
    CHECK(series != 0);
    return series;
  }
  // In milliseconds.
  uint32_t GuardDelay(double above, uint64_t within, uint64_t interval = 0) {
    LimitRequest limit = {Subscribe(Metric::kEventLoopDelay), LimitSpec{above, above / 2, 0, 0, true},
                          OnMissing::kUnavailable};
    GuardSpec spec;
    spec.within = within;
    spec.interval = interval;
    spec.flag = kFlag;
    return monitor.AddGuard(&environment, spec, &limit, 1, now);
  }
  uint32_t GuardHeap(double above) {
    LimitRequest limit = {Subscribe(Metric::kHeapUsed), LimitSpec{above, above, 0, 0, true}, OnMissing::kUnavailable};
    GuardSpec spec;
    spec.within = 100 * kMillisecond;
    spec.flag = kFlag;
    return monitor.AddGuard(&environment, spec, &limit, 1, now);
  }
  bool Breached() const { return (words[kFlag] & 7) == static_cast<int>(LimitState::kBreached); }
  double Delay() {
    double value;
    std::memcpy(&value, words + kCell, sizeof(value));
    return value;
  }

  // The loop turns.
  void Turn(double heap = 1e6) {
    if (notified == 0) return;
    notified = 0;
    environment.Acknowledge(now);
    if (!environment.figures_wanted) return;
    environment.Drained();
    LoopFigures figures;
    figures.at = now;
    figures.heap_used = heap;
    figures.heap_limit = 4e9;
    figures.idle_ms = idle_ms;
    environment.TakeFigures(figures);
    monitor.Refresh(&environment, now);
  }
  void Run(uint64_t time) {
    const uint64_t end = now + time;
    while (monitor.next_due() <= end) {
      now = std::max(now, monitor.next_due());
      monitor.Pass(now, 1);
      if (answers) Turn();
    }
    now = end;
  }
};

}  // namespace

TEST(LoopThatWaitsIsNeverWoken) {
  World world;
  world.GuardDelay(500, 100 * kMillisecond);
  const uint64_t before = world.monitor.reads();
  world.Run(10 * kSecond);
  CHECK_EQ(world.notified, 0u);
  CHECK(!world.Breached());
  // The limit is nearer than a read, but a loop that waits has no delay that could run towards it.
  CHECK(world.monitor.reads() - before <= 101);
}

TEST(LoopThatIsBlockedIsSeenWithinItsLimitAndOneRead) {
  for (uint64_t into = 1; into < 100; into += 7) {
    World world;
    world.GuardDelay(250, 100 * kMillisecond);
    world.Run(kSecond + into * kMillisecond);
    world.loop.waiting = false;
    world.Run(250 * kMillisecond);
    CHECK(!world.Breached());
    world.Run(110 * kMillisecond);
    CHECK(world.Breached());
    CHECK_EQ(world.notified, 1u);
  }
}

TEST(LoopThatIsBlockedIsSeenByAGuardWithAFixedPeriod) {
  for (uint64_t into = 1; into < 1000; into += 99) {
    World world;
    world.GuardDelay(50, 0, kSecond);
    world.Run(10 * kSecond + into * kMillisecond);
    world.loop.waiting = false;
    // A read may be a little early, and the next one is the source's period later.
    world.Run(1070 * kMillisecond);
    CHECK(world.Breached());
  }
}

TEST(LoopThatIsBlockedFromTheFirstMomentIsSeen) {
  World world;
  world.loop.waiting = false;
  world.GuardDelay(50, 100 * kMillisecond);
  CHECK(!world.Breached());
  world.Run(150 * kMillisecond);
  CHECK(world.Breached());
}

TEST(LoopsStackIsAskedForBeforeItsLimitIsCrossed) {
  World world;
  uint32_t requests = 0;
  const auto count = [](void* raw) { ++*static_cast<uint32_t*>(raw); };
  world.environment.stack.reset(new BlockedStack(count, &requests));
  LimitRequest limit = {world.Subscribe(Metric::kEventLoopDelay), LimitSpec{500, 450, 0, 0, true},
                        OnMissing::kUnavailable, true};
  GuardSpec spec;
  spec.within = 100 * kMillisecond;
  spec.flag = kFlag;
  const uint32_t guard = world.monitor.AddGuard(&world.environment, spec, &limit, 1, world.now);
  world.Run(kSecond);
  world.loop.waiting = false;
  while (requests == 0) world.Run(kMillisecond);
  CHECK(!world.Breached());
  StackCopy* copy = world.environment.stack->Begin();
  CHECK(copy->Add("render", "/app/page.js", 12, 7));
  world.environment.stack->End();
  world.Run(12 * kMillisecond);
  CHECK(world.Breached());
  world.Run(kSecond);
  CHECK_EQ(requests, 1u);
  List<EvidenceCopy> evidence = world.monitor.EvidenceOf(guard, world.now);
  CHECK_EQ(evidence.size(), 1u);
  CHECK(evidence[0].stack != nullptr);
  CHECK(evidence[0].blocked >= kSecond);
  // A later block does not change the evidence of this one.
  world.Turn();
  world.loop.waiting = true;
  world.Run(kSecond);
  world.environment.AskForHeartbeat(world.now, false);
  world.environment.AskForStack();
  world.environment.stack->Begin()->Add("other", "/app/page.js", 1, 1);
  world.environment.stack->End();
  evidence = world.monitor.EvidenceOf(guard, world.now);
  const char* function = evidence[0].stack->texts + evidence[0].stack->frames[0].function;
  CHECK_EQ(function, "render");
}

TEST(LoopsBreachHasNoStackIfNoneCameInTime) {
  World world;
  world.environment.stack.reset(new BlockedStack([](void*) {}, nullptr));
  LimitRequest limit = {world.Subscribe(Metric::kEventLoopDelay), LimitSpec{500, 450, 0, 0, true},
                        OnMissing::kUnavailable, true};
  GuardSpec spec;
  spec.within = 100 * kMillisecond;
  spec.flag = kFlag;
  const uint32_t guard = world.monitor.AddGuard(&world.environment, spec, &limit, 1, world.now);
  world.Run(kSecond);
  world.loop.waiting = false;
  world.Run(kSecond);
  CHECK(world.Breached());
  const List<EvidenceCopy> evidence = world.monitor.EvidenceOf(guard, world.now);
  CHECK_EQ(evidence.size(), 1u);
  CHECK(evidence[0].evidence.block != 0);
  CHECK(evidence[0].stack == nullptr);
}

TEST(LoopsStackIsNotAskedForByALimitWithoutIt) {
  World world;
  uint32_t requests = 0;
  const auto count = [](void* raw) { ++*static_cast<uint32_t*>(raw); };
  world.environment.stack.reset(new BlockedStack(count, &requests));
  world.GuardDelay(500, 100 * kMillisecond);
  world.Run(kSecond);
  world.loop.waiting = false;
  world.Run(kSecond);
  CHECK(world.Breached());
  CHECK_EQ(requests, 0u);
}

TEST(LoopThatNeverWaitsButTurnsIsNotBlocked) {
  World world;
  world.loop.waiting = false;
  world.answers = true;
  world.GuardDelay(20, 100 * kMillisecond);
  world.Turn();
  for (int i = 0; i < 100; i++) {
    world.Run(100 * kMillisecond);
    CHECK(!world.Breached());
  }
}

TEST(LoopWhoseBlockEndsBetweenTwoReadsHasTheDelayOfItsAnswer) {
  World world;
  world.GuardDelay(50, 10 * kSecond);
  world.Run(kSecond);
  world.loop.waiting = false;
  while (world.notified == 0) world.Run(kMillisecond);
  world.now += 30 * kMillisecond;
  world.Turn();
  world.loop.waiting = true;
  world.Run(10 * kSecond);
  CHECK(!world.Breached());
  world.loop.waiting = false;
  while (world.notified == 0) world.Run(kMillisecond);
  // The thread is late, and the loop answers first.
  world.now += 70 * kMillisecond;
  world.Turn();
  world.loop.waiting = true;
  world.monitor.Pass(world.now, 1);
  CHECK(world.Breached());
  world.Run(10 * kSecond);
  CHECK(!world.Breached());
}

TEST(LoopsOldDelayIsNotThatOfALaterGuard) {
  World world;
  const uint32_t heap = world.GuardHeap(3e9);
  const uint32_t guard = world.GuardDelay(50, 100 * kMillisecond);
  world.Turn();
  world.Run(kSecond);
  world.loop.waiting = false;
  while (world.notified == 0) world.Run(kMillisecond);
  world.now += 300 * kMillisecond;
  world.Turn();
  world.monitor.RemoveGuard(guard);
  for (uint32_t id = 1; id < 5; id++) {
    if (Feed* feed = world.monitor.FeedOf(id)) {
      if (feed->series.metric() == Metric::kEventLoopDelay) world.monitor.Unsubscribe(id, world.now);
    }
  }
  world.loop.waiting = true;
  world.Run(60 * kSecond);
  world.GuardDelay(50, 100 * kMillisecond);
  CHECK(!world.Breached());
  world.Run(kSecond);
  CHECK(!world.Breached());
  world.monitor.RemoveGuard(heap);
}

TEST(LoopIsNotTouchedOnceItsClockIsTakenAway) {
  World world;
  world.GuardDelay(50, 100 * kMillisecond);
  world.Run(kSecond);
  world.monitor.RemoveEnvironment(&world.environment, world.now);
  world.environment.idle_clock = IdleClock();
  world.loop.gone = true;
  world.Run(10 * kSecond);
  CHECK_EQ(world.loop.looks_when_gone, 0u);
}

TEST(LoopWithoutAClockGetsAHeartbeatWithEachRead) {
  World world(false);
  world.answers = true;
  world.GuardDelay(500, 100 * kMillisecond);
  world.Run(kSecond);
  CHECK(!world.Breached());
  world.answers = false;
  world.Run(700 * kMillisecond);
  CHECK(world.Breached());
}

TEST(LoopThatStoodStillWithTheProcessHasNotBeenBlockedMeanwhile) {
  World world;
  world.GuardDelay(500, 100 * kMillisecond);
  world.Run(kSecond);
  world.loop.waiting = false;
  world.Run(150 * kMillisecond);
  world.now += 60 * kSecond;
  Standstill stopped;
  stopped.duration = 60 * kSecond;
  stopped.stopped = true;
  world.monitor.Discount(stopped, world.now);
  world.monitor.Pass(world.now, 1);
  CHECK(!world.Breached());
  world.Run(600 * kMillisecond);
  CHECK(world.Breached());
}

TEST(LoopsHeapIsAskedForOnceWhileTheLoopDoesNothing) {
  World world;
  uint32_t asked = 0;
  world.GuardHeap(3e9);
  for (int i = 0; i < 100; i++) {
    if (world.notified != 0) asked++;
    world.Turn();
    world.loop.idle += kSecond;
    world.Run(kSecond);
  }
  CHECK_EQ(asked, 1u);
  CHECK(!world.Breached());
}

TEST(LoopsHeapIsAskedForAgainWhenTheLoopHasWorked) {
  World world;
  world.GuardHeap(3e9);
  world.Turn();
  world.loop.waiting = false;
  usleep(5000);
  // 3 GB away at 16 GB/s: nothing could have crossed the limit before.
  world.Run(90 * kMillisecond);
  CHECK_EQ(world.notified, 0u);
  world.Run(200 * kMillisecond);
  CHECK_EQ(world.notified, 1u);
  // Judged when the figures come, not at the next read.
  world.Turn(3.5e9);
  CHECK(world.Breached());
}

TEST(LoopsHeapNearItsLimitIsReadAtTheGuardsPeriod) {
  World world;
  world.GuardHeap(1.1e6);
  world.Turn();
  world.loop.waiting = false;
  usleep(5000);
  world.Run(110 * kMillisecond);
  CHECK_EQ(world.notified, 1u);
}

namespace {

// A loop that reports its idle time with its heartbeats, and is asked for it every 100 ms.
struct ReportingLoop : World {
  uint32_t series = Subscribe(Metric::kEventLoopUtilization);

  ReportingLoop() : World(false) {
    monitor.SetPeriod(series, 100 * kMillisecond);
    Turn();
  }
  // The loop works and waits for so many milliseconds. Returns its utilization.
  double Pass(uint64_t busy, uint64_t idle) {
    idle_ms += ToNumber(idle);
    now += (busy + idle) * kMillisecond;
    return Read();
  }
  double Read() {
    monitor.Pass(now, 1);
    Turn();
    return monitor.FeedOf(series)->series.now().value;
  }
};

}  // namespace

TEST(LoopsUtilizationIsItsBusyShare) {
  ReportingLoop loop;
  for (int i = 0; i < 30; i++) loop.Pass(30, 70);
  CHECK_NEAR(loop.Pass(30, 70), 30, 1e-9);
  for (int i = 0; i < 30; i++) loop.Pass(90, 10);
  CHECK_NEAR(loop.Pass(90, 10), 90, 1e-9);
}

TEST(LoopsUtilizationCountsNoSleepOfTheMachineAsIdle) {
  ReportingLoop loop;
  for (int i = 0; i < 30; i++) loop.Pass(100, 0);
  CHECK_NEAR(loop.Pass(100, 0), 100, 1e-9);
  // The loop's clock has gone on for a minute, that of the sampler has not.
  loop.idle_ms += 60000;
  for (int i = 0; i < 30; i++) loop.Pass(100, 0);
  CHECK_NEAR(loop.Pass(100, 0), 100, 1e-9);
}

TEST(LoopsUtilizationTakesClocksFor50MillisecondsApartAsTheSame) {
  ReportingLoop loop;
  for (int i = 0; i < 30; i++) loop.Pass(100, 0);
  loop.idle_ms += 150;
  loop.now += 100 * kMillisecond;
  loop.Read();
  loop.Pass(100, 0);
  // What was counted too much is made up for: of the last 200 ms in the window of a second, only 50 are new.
  CHECK_NEAR(loop.Pass(100, 0), 85, 1e-9);
}

TEST(IdleClockThatMovesShowsALoopThatWaits) {
  ScriptedLoop loop;
  const IdleClock clock{ScriptedLoop::Idle, &loop};
  CHECK(clock.Look().waiting);
  loop.waiting = false;
  const IdleLook busy = clock.Look();
  CHECK(!busy.waiting);
  CHECK_EQ(busy.idle, loop.idle);
  CHECK(!IdleClock().Look().waiting);
  CHECK_EQ(IdleClock().Look().idle, 0u);
}
