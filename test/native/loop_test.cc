// The metrics of an event loop that is scripted: whether it waits, and when it answers. Time is simulated, except where
// the loop's own clock is compared with the machine's.
#include "sampler/loop.h"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <memory>

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
  uint32_t GuardHeap(double above, uint64_t dwell = 0) {
    LimitRequest limit = {Subscribe(Metric::kHeapUsed), LimitSpec{above, above, dwell, 0, true},
                          OnMissing::kUnavailable};
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
  world.GuardDelay(50, 100 * kMillisecond);
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
  // How long it was blocked is known until the next block.
  CHECK_EQ(evidence[0].blocked, 0u);
}

TEST(LoopsStackIsAskedForTenMillisecondsBeforeItsLimit) {
  for (const uint64_t early : {0u, 1u}) {
    World world;
    uint32_t requests = 0;
    const auto count = [](void* raw) { ++*static_cast<uint32_t*>(raw); };
    world.environment.stack.reset(new BlockedStack(count, &requests));
    LimitRequest limit = {world.Subscribe(Metric::kEventLoopDelay), LimitSpec{500, 450, 0, 0, true},
                          OnMissing::kUnavailable, true};
    GuardSpec spec;
    spec.within = 100 * kMillisecond;
    spec.flag = kFlag;
    world.monitor.AddGuard(&world.environment, spec, &limit, 1, world.now);
    world.Run(kSecond);
    world.loop.waiting = false;
    while (world.notified == 0) world.Run(kMillisecond);
    world.now = world.environment.heartbeat.sent + 490 * kMillisecond - early;
    world.monitor.Pass(world.now, 1);
    CHECK_EQ(requests, early == 0 ? 1u : 0u);
  }
}

TEST(LoopsLaterBreachHasNotTheStackOfAnEarlierOne) {
  World world;
  world.environment.stack.reset(new BlockedStack([](void*) {}, nullptr));
  LimitRequest limit = {world.Subscribe(Metric::kEventLoopDelay), LimitSpec{500, 450, 0, 0, true},
                        OnMissing::kUnavailable, true};
  GuardSpec spec;
  spec.within = 100 * kMillisecond;
  spec.flag = kFlag;
  const uint32_t guard = world.monitor.AddGuard(&world.environment, spec, &limit, 1, world.now);
  const auto block = [&] {
    world.Run(kSecond);
    world.loop.waiting = false;
    world.Run(495 * kMillisecond + 100 * kMillisecond);
    if (StackCopy* copy = world.environment.stack->Begin()) {
      copy->Add("render", "/app/page.js", 12, 7);
      world.environment.stack->End();
    }
    world.Run(kSecond);
    CHECK(world.Breached());
    return world.monitor.EvidenceOf(guard, world.now);
  };
  CHECK(block()[0].stack != nullptr);
  world.Turn();
  world.loop.waiting = true;
  world.Run(kSecond);
  CHECK(!world.Breached());
  // The stack of the next block does not come.
  world.loop.waiting = false;
  world.Run(2 * kSecond);
  CHECK(world.Breached());
  CHECK(world.monitor.EvidenceOf(guard, world.now)[0].stack == nullptr);
}

TEST(LoopsStackIsAskedForByTheLimitThatWantsIt) {
  World world;
  uint32_t requests = 0;
  const auto count = [](void* raw) { ++*static_cast<uint32_t*>(raw); };
  world.environment.stack.reset(new BlockedStack(count, &requests));
  const uint32_t series = world.Subscribe(Metric::kEventLoopDelay);
  const LimitRequest limits[] = {
      {series, LimitSpec{300, 270, 0, 0, true}, OnMissing::kUnavailable},
      {series, LimitSpec{900, 810, 0, 0, true}, OnMissing::kUnavailable, true},
  };
  GuardSpec spec;
  spec.within = 100 * kMillisecond;
  spec.flag = kFlag;
  const uint32_t guard = world.monitor.AddGuard(&world.environment, spec, limits, 2, world.now);
  world.Run(kSecond);
  world.loop.waiting = false;
  world.Run(600 * kMillisecond);
  CHECK(world.Breached());
  CHECK_EQ(requests, 0u);
  // The evidence of a limit without stacks is about no block.
  CHECK_EQ(world.monitor.EvidenceOf(guard, world.now)[0].evidence.block, 0u);
  world.Run(600 * kMillisecond);
  CHECK_EQ(requests, 1u);
}

TEST(LoopsDelayThatIsKnownByItsAnswerIsOfNoBlock) {
  World world;
  world.environment.stack.reset(new BlockedStack([](void*) {}, nullptr));
  LimitRequest limit = {world.Subscribe(Metric::kEventLoopDelay), LimitSpec{50, 25, 0, 0, true},
                        OnMissing::kUnavailable, true};
  GuardSpec spec;
  spec.within = 10 * kSecond;
  spec.flag = kFlag;
  const uint32_t guard = world.monitor.AddGuard(&world.environment, spec, &limit, 1, world.now);
  for (const uint64_t time : {10, 70}) {
    CHECK(!world.Breached());
    world.Run(10 * kSecond);
    world.loop.waiting = false;
    while (world.notified == 0) world.Run(kMillisecond);
    // The thread is late, and the loop answers first.
    world.now += time * kMillisecond;
    world.Turn();
    world.loop.waiting = true;
    world.monitor.Pass(world.now, 1);
  }
  CHECK(world.Breached());
  CHECK_EQ(world.monitor.EvidenceOf(guard, world.now)[0].evidence.block, 0u);
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

TEST(LoopsOldDelayIsNotThatOfALaterProbe) {
  World world;
  const uint32_t series = world.Subscribe(Metric::kEventLoopDelay);
  world.monitor.SetPeriod(series, 100 * kMillisecond);
  world.Run(kSecond);
  world.loop.waiting = false;
  while (world.notified == 0) world.Run(kMillisecond);
  // The answer comes when nothing measures any more.
  world.monitor.Unsubscribe(series, world.now);
  world.Run(60 * kSecond);
  CHECK_EQ(world.monitor.series_count(), 0u);
  world.Turn();
  CHECK(world.environment.heartbeat.delay > 50 * kMillisecond);
  world.loop.waiting = true;
  world.GuardDelay(50, 100 * kMillisecond);
  CHECK(!world.Breached());
}

TEST(LoopsDelayIsUnknownUntilItsFirstHeartbeatHasBeenOutForAWhile) {
  World world;
  world.loop.waiting = false;
  const uint32_t series = world.Subscribe(Metric::kEventLoopDelay);
  const auto value = [&] { return world.monitor.FeedOf(series)->series.now(); };
  CHECK(value().state == Value::kUnknown);
  world.monitor.SetPeriod(series, 100 * kMillisecond);
  world.answers = true;
  world.Turn();
  for (int i = 0; i < 5; i++) {
    world.Run(kSecond);
    CHECK(value().state == Value::kKnown);
    // A heartbeat that is sent with a read does not hide the delay before it.
    CHECK(world.now - value().at <= 110 * kMillisecond);
  }
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

TEST(LoopThatDoesNotWaitHasNoStandstillCountedTwice) {
  // What passed while the process was stopped is neither busy nor idle time; the loop itself counts none of it as idle.
  for (const bool waits : {false, true}) {
    World world;
    const uint32_t series = world.Subscribe(Metric::kEventLoopUtilization);
    CHECK(series != 0);
    world.loop.waiting = waits;
    world.environment.look = world.environment.idle_clock.Look();
    usleep(4000);
    world.loop.idle += waits ? kSecond : 0;
    world.environment.DiscountGap(3 * kMillisecond, world.now);
    CHECK_EQ(world.environment.heartbeat.still, waits ? 0 : 3 * kMillisecond);
  }
}

TEST(LoopThatNeverAnsweredHasNoStandstillBeforeItsQuestion) {
  World world(false);
  world.environment.AskForHeartbeat(world.now, false);
  world.now += kSecond;
  // The gap began before the question.
  world.environment.DiscountGap(5 * kSecond, world.now);
  CHECK_EQ(world.environment.heartbeat.sent, world.now);
  CHECK_EQ(world.environment.heartbeat.still, kSecond);
  world.environment.Acknowledge(world.now);
  const uint64_t sent = world.environment.heartbeat.sent;
  world.environment.DiscountGap(kSecond, world.now + kSecond);
  CHECK_EQ(world.environment.heartbeat.sent, sent);
  CHECK_EQ(world.environment.heartbeat.still, kSecond);
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

TEST(LoopsFiguresCountAlthoughTheLoopWorksOn) {
  World world;
  world.GuardHeap(3e9);
  CHECK(world.environment.figures_wanted);
  world.loop.waiting = false;
  world.environment.Acknowledge(world.now);
  world.environment.Drained();
  LoopFigures figures;
  figures.at = world.now;
  figures.heap_used = 3.5e9;
  figures.heap_limit = 4e9;
  world.environment.TakeFigures(figures);
  // Longer than the loop may work until its figures are old.
  usleep(3000);
  world.monitor.Refresh(&world.environment, world.now);
  CHECK(world.Breached());
}

TEST(LoopsDelayDoesNotWaitForFiguresOfItsHeap) {
  World world;
  world.GuardHeap(1.1e6);
  const uint32_t delay = world.Subscribe(Metric::kEventLoopDelay);
  world.monitor.SetPeriod(delay, 100 * kMillisecond);
  for (int i = 0; i < 20; i++) {
    world.Run(110 * kMillisecond);
    CHECK(world.now - world.monitor.FeedOf(delay)->last_read <= 110 * kMillisecond);
  }
}

TEST(LoopsFullHeapIsJudgedAtOnce) {
  World world;
  world.GuardHeap(3e9, 10 * kSecond);
  world.Turn();
  const auto fill = [&world](double used) {
    LoopFigures figures;
    figures.at = world.now += kSecond;
    figures.heap_used = used;
    figures.heap_limit = 4e9;
    world.environment.TakeFigures(figures);
    return world.monitor.JudgeFullHeap(&world.environment, world.now);
  };
  CHECK(!fill(2.9e9));
  CHECK(!world.Breached());
  // It would be too late when the dwell is over.
  CHECK(fill(3.1e9));
  CHECK(world.Breached());
  CHECK(world.monitor.next_due() > world.now);
  CHECK(!fill(1e9));
  CHECK(!world.Breached());
  // That of another thread is another heap.
  Environment other{[](void*) {}, nullptr};
  CHECK(fill(3.1e9));
  CHECK(!world.monitor.JudgeFullHeap(&other, world.now));
  // The next crossing has its dwell again.
  CHECK(!fill(1e9));
  LoopFigures figures = world.environment.figures;
  figures.at = world.now += kSecond;
  figures.heap_used = 3.1e9;
  world.environment.TakeFigures(figures);
  world.monitor.Pass(world.now, 1);
  CHECK_EQ(world.words[kFlag] & 7, static_cast<int>(LimitState::kPending));
}

TEST(LoopsFullHeapIsThatOfBothItsMetricsAndOfNoOther) {
  World world;
  LimitRequest share = {world.Subscribe(Metric::kHeap), LimitSpec{90, 80, 10 * kSecond, 0, true},
                        OnMissing::kUnavailable};
  LimitRequest delay = {world.Subscribe(Metric::kEventLoopDelay), LimitSpec{50, 45, 10 * kSecond, 0, true},
                        OnMissing::kUnavailable};
  GuardSpec spec;
  spec.within = 100 * kMillisecond;
  spec.flag = kFlag;
  world.monitor.AddGuard(&world.environment, spec, &share, 1, world.now);
  spec.flag = kFlag + 1;
  world.monitor.AddGuard(&world.environment, spec, &delay, 1, world.now);
  world.Turn();
  world.Run(kSecond);
  world.loop.waiting = false;
  world.Run(500 * kMillisecond);
  CHECK_EQ(world.words[kFlag + 1] & 7, static_cast<int>(LimitState::kPending));
  LoopFigures figures;
  figures.at = world.now;
  figures.heap_used = 4e9;
  figures.heap_limit = 4e9;
  world.environment.TakeFigures(figures);
  CHECK(world.monitor.JudgeFullHeap(&world.environment, world.now));
  CHECK(world.Breached());
  CHECK_EQ(world.words[kFlag + 1] & 7, static_cast<int>(LimitState::kPending));
}

TEST(LoopsFiguresAreReadForThoseThatWaitForThem) {
  World world;
  Environment other{[](void*) {}, nullptr};
  const uint32_t series = world.Subscribe(Metric::kHeapUsed);
  world.monitor.SetPeriod(series, 60 * kSecond);
  world.monitor.Request(&world.environment, 7, &series, 1, world.now);
  const uint64_t before = world.monitor.reads();
  // Those of another thread's loop change nothing.
  world.monitor.Refresh(&other, world.now);
  CHECK_EQ(world.monitor.reads(), before);
  CHECK(world.environment.answered.empty());
  world.environment.Acknowledge(world.now);
  world.environment.Drained();
  LoopFigures figures;
  figures.at = ++world.now;
  figures.heap_used = 1e6;
  figures.heap_limit = 4e9;
  world.environment.TakeFigures(figures);
  world.monitor.Refresh(&world.environment, world.now);
  CHECK_EQ(world.monitor.reads(), before + 1);
  CHECK_EQ(world.environment.answered.size(), 1u);
  // Now nothing waits.
  world.monitor.Refresh(&world.environment, world.now);
  CHECK_EQ(world.monitor.reads(), before + 1);
}

TEST(LoopsHeapIsReadNextWhenItsNewFiguresSay) {
  World world;
  world.GuardHeap(3e9);
  world.Turn();
  const uint64_t far = world.monitor.next_due();
  CHECK(far - world.now >= 100 * kMillisecond);
  world.loop.waiting = false;
  usleep(3000);
  world.Run(far - world.now);
  CHECK_EQ(world.notified, 1u);
  world.now += 5 * kMillisecond;
  world.Turn();
  CHECK(world.monitor.next_due() - world.now >= 90 * kMillisecond);
  CHECK(world.monitor.next_due() - world.now <= 200 * kMillisecond);
}

TEST(LoopsHeapIsUnknownWithoutFigures) {
  World world;
  // As if it had waited longer than the machine's clock has run.
  world.loop.idle = UINT64_MAX / 2;
  const uint32_t series = world.Subscribe(Metric::kHeap);
  CHECK(world.monitor.FeedOf(series)->series.now().state == Value::kUnknown);
  CHECK(world.environment.figures_wanted);
}

TEST(LoopsHeapIsAShareOfItsLimit) {
  World world;
  const uint32_t series = world.Subscribe(Metric::kHeap);
  world.Turn(1e9);
  CHECK_NEAR(world.monitor.FeedOf(series)->series.now().value, 25, 0);
}

TEST(LoopsHeapIsAskedForEachTimeIfItsLoopDoesNotCount) {
  World world(false);
  world.GuardHeap(1.1e6);
  uint32_t asked = 0;
  for (int i = 0; i < 10; i++) {
    if (world.notified != 0) asked++;
    world.Turn();
    world.Run(110 * kMillisecond);
  }
  CHECK_EQ(asked, 10u);
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

TEST(LoopsUtilizationIsUnavailableWhereTheRuntimeDoesNotCount) {
  ReportingLoop loop;
  loop.idle_ms = std::numeric_limits<double>::quiet_NaN();
  for (int i = 0; i < 3; i++) loop.Pass(50, 50);
  const Series& series = loop.monitor.FeedOf(loop.series)->series;
  CHECK(series.now().state == Value::kUnavailable);
  CHECK(series.failure().failed());
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

namespace {

// The probe alone, of a loop that counts its idle time or does not.
struct Probed {
  explicit Probed(bool clock) {
    if (clock) environment.idle_clock = IdleClock{ScriptedLoop::Idle, &loop};
    loop.waiting = false;
    probe.reset(MakeLoopProbe(&environment));
  }
  Reading::State Read(Metric metric, uint64_t now) {
    readings = Readings();
    probe->Read(now, MaskOf(metric), &readings);
    return readings[metric].state;
  }

  ScriptedLoop loop;
  Environment environment{[](void*) {}, nullptr};
  std::unique_ptr<Probe> probe;
  Readings readings;
};

}  // namespace

TEST(LoopIsAskedOnlyForWhatIsRead) {
  for (const bool clock : {false, true}) {
    Probed probed(clock);
    probed.Read(Metric::kEventLoopDelay, kSecond);
    CHECK(probed.readings[Metric::kEventLoopUtilization].state == Reading::kAbsent);
    // Its delay needs no figures.
    CHECK(probed.environment.heartbeat.outstanding());
    CHECK(!probed.environment.figures_wanted);
    CHECK_EQ(probed.probe->Pending(), 0u);
  }
  Probed probed(true);
  // Nor does its utilization need a heartbeat if the loop counts.
  CHECK(probed.Read(Metric::kEventLoopUtilization, kSecond) == Reading::kKnown);
  CHECK(probed.readings[Metric::kEventLoopDelay].state == Reading::kAbsent);
  CHECK(!probed.environment.heartbeat.outstanding());
  CHECK_EQ(probed.readings[Metric::kEventLoopUtilization].parts, 1);
  // Of the time until now, it has waited for five seconds.
  const Reading& reading = probed.readings[Metric::kEventLoopUtilization];
  CHECK_NEAR(reading.den[0] - reading.num[0], 5e9, 1);
}

TEST(LoopThatDoesNotCountHasNoUtilizationBeforeItsFigures) {
  Probed probed(false);
  CHECK(probed.Read(Metric::kEventLoopUtilization, kSecond) == Reading::kAbsent);
  CHECK(probed.environment.figures_wanted);
  CHECK_EQ(probed.probe->Pending(), MaskOf(Metric::kEventLoopUtilization));
}

TEST(LoopsDelayIsForgottenOnlyWhenNothingReadsIt) {
  Probed probed(false);
  Heartbeat& beat = probed.environment.heartbeat;
  CHECK(probed.Read(Metric::kEventLoopDelay, kSecond) == Reading::kAbsent);
  beat.Answer(2 * kSecond);
  CHECK_EQ(beat.delay, kSecond);
  probed.probe->Rest(Metric::kHeapUsed);
  CHECK_EQ(beat.delay, kSecond);
  CHECK(probed.Read(Metric::kEventLoopDelay, 3 * kSecond) == Reading::kKnown);
  CHECK_NEAR(probed.readings[Metric::kEventLoopDelay].level, 1000, 0);
  beat.Answer(3 * kSecond + kMillisecond);
  probed.probe->Rest(Metric::kEventLoopDelay);
  CHECK_EQ(beat.delay, 0u);
  // The next question is a first one again.
  CHECK(probed.Read(Metric::kEventLoopDelay, 5 * kSecond) == Reading::kAbsent);
}

TEST(LoopsProbeSaysWhereItsValuesComeFromAndHowFastTheyGrow) {
  Probed counted(true), plain(false);
  for (Probed* each : {&counted, &plain}) each->Read(Metric::kEventLoopUtilization, kSecond);
  CHECK_EQ(counted.probe->Origin(Metric::kEventLoopUtilization), "uv_metrics_idle_time()");
  CHECK_EQ(plain.probe->Origin(Metric::kEventLoopUtilization), "performance.eventLoopUtilization()");
  CHECK_EQ(counted.probe->Origin(Metric::kEventLoopDelay), "uv_metrics_idle_time(), heartbeat");
  CHECK_EQ(plain.probe->Origin(Metric::kEventLoopDelay), "heartbeat");
  CHECK_NEAR(counted.probe->MaxSlope(Metric::kEventLoopDelay), 0, 0);
  counted.Read(Metric::kEventLoopDelay, kSecond);
  CHECK_NEAR(counted.probe->MaxSlope(Metric::kEventLoopDelay), 1000, 0);
  CHECK_NEAR(counted.probe->MaxSlope(Metric::kHeap), 0, 0);
  counted.environment.figures.heap_limit = 4e9;
  CHECK_NEAR(counted.probe->Ceiling(Metric::kHeapUsed), 16e9, 0);
  CHECK_NEAR(counted.probe->Ceiling(Metric::kHeap), 400, 0);
  CHECK_NEAR(counted.probe->Ceiling(Metric::kEventLoopDelay), 0, 0);
}
