// The sampler as threads use it together. Each test repeats the steps of JavaScript threads that begin, ask, answer and
// end at any moment. What they check is little: the thread and address sanitizers check the rest (test-sanitize.js).
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "check.h"
#include "sampler/sampler.h"
#include "util/crc32.h"

using namespace tripline;

// JavaScript's accesses to shared memory are not instrumented.
#if defined(__GNUC__)
#define AS_JAVASCRIPT __attribute__((no_sanitize("thread"), noinline))
#else
#define AS_JAVASCRIPT
#endif

namespace {

constexpr uint32_t kThreads = 4;
constexpr uint32_t kWords = 256;
constexpr uint32_t kFlag = 40;

// A repeatable choice.
class Dice {
 public:
  explicit Dice(uint32_t seed) : state_(seed * 2654435761u + 1) {}
  uint32_t Roll(uint32_t sides) {
    state_ = state_ * 1664525u + 1013904223u;
    return (state_ >> 8) % sides;
  }

 private:
  uint32_t state_;
};

template <typename Body>
void OnThreads(uint32_t count, Body body) {
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < count; i++) threads.emplace_back([i, &body] { body(i); });
  for (std::thread& each : threads) each.join();
}

// What a test has waited for, which only fails to come if it never comes.
template <typename Condition>
bool Comes(Condition condition) {
  const uint64_t end = MonotonicNow() + 60 * kSecond;
  while (!condition()) {
    if (MonotonicNow() > end) return false;
    usleep(50);
  }
  return true;
}

// ---- one JavaScript thread -----------------------------------------------------------------------------------------

constexpr uint32_t kOperations = 4;
constexpr size_t kTable = 64 + kOperations * 32 + 64;

// An event loop, which is freed as soon as its environment has ended.
struct FreedLoop {
  std::atomic<uint64_t> idle{kSecond};
  std::atomic<bool> waits{false};
  static uint64_t Idle(void* raw) {
    auto* self = static_cast<FreedLoop*>(raw);
    return self->waits.load() ? self->idle.fetch_add(kMillisecond) : self->idle.load();
  }
};

// The engine of a thread outlives its environments, and so does its stack of regions.
struct FakeEngine {
  std::atomic<uint32_t> interrupts{0};
  Regions::Stack regions{Interrupt, this};
  FakeEngine() { Sampler::Get()->regions().Add(&regions); }
  static void Interrupt(void* self) { static_cast<FakeEngine*>(self)->interrupts.fetch_add(1); }
};
FakeEngine* EngineOf(uint32_t thread) {
  static std::atomic<FakeEngine*> engines[kThreads];
  if (engines[thread].load() == nullptr) engines[thread].store(new FakeEngine);
  return engines[thread].load();
}

class Worker {
 public:
  Worker(uint32_t number, uint32_t seed) : engine_(EngineOf(number)), dice_(seed) {}

  // Everything that it has made is freed at once, as the end of a worker frees it.
  ~Worker() {
    sampler_->RemoveEnvironment(&environment_);
    words_.reset();
    loop_.reset();
    table_.reset();
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
  }

  static constexpr uint32_t kSteps = 12;
  // Makes something, and turns the loop as often as the dice say.
  void Take(uint32_t step) {
    switch (step) {
      case 0: Attach(); break;
      case 1: WatchLoop(); break;
      case 2: AddGuards(); break;
      case 3: AddTickers(); break;
      case 4: AddRecorder(); break;
      case 5: AddFlightLog(false); break;
      case 6: AddFlightLog(true); break;
      case 7: StartWatchdog(); break;
      case 8: WatchStacks(); break;
      case 9: RunRegion(); break;
      case 10: WatchWhatVanishes(); break;
      default: AskForSamples();
    }
    for (uint32_t turns = dice_.Roll(4); turns > 0; turns--) {
      if (dice_.Roll(3) == 0) usleep(dice_.Roll(2000));
      Turn();
    }
  }

 private:
  void Attach() {
    const std::unique_ptr<int32_t[]> before = std::move(words_);
    words_.reset(new int32_t[kWords]());
    sampler_->AttachBoard(&environment_, words_.get(), kWords);
  }

  void WatchLoop() { sampler_->WatchLoop(&environment_, IdleClock{FreedLoop::Idle, loop_.get()}); }

  uint32_t Subscribe(Metric metric, int64_t pid = 0) {
    Selector selector;
    selector.environment = &environment_;
    selector.pid = pid;
    selector.tree = pid != 0;
    Failure why;
    const uint32_t id = sampler_->Subscribe(&environment_, metric, selector, 0, 100, false, &why);
    CHECK(id != 0);
    subscriptions_.push_back(id);
    return id;
  }

  // It is breached at once where `spec` says so.
  uint32_t Guard(uint32_t subscription, const LimitSpec& spec, bool stack = false, Reaction* reaction = nullptr) {
    const LimitRequest limit = {subscription, spec, OnMissing::kUnavailable, stack};
    GuardSpec guard;
    guard.within = kMillisecond;
    guard.flag = kFlag + dice_.Roll(8);
    guard.reaction = reaction;
    Failure why;
    const uint32_t id = sampler_->AddGuard(&environment_, guard, &limit, 1, &why);
    CHECK(id != 0);
    return id;
  }

  void AddGuards() {
    Guard(Subscribe(Metric::kProcessRss), {1, 1, 0, 0, true});
    Guard(Subscribe(Metric::kEventLoopDelay), {2, 1, 0, 0, true}, true);
    Guard(Subscribe(Metric::kHeap), {50, 50, 0, 0, true});
    // The kernel pushes these.
    Guard(Subscribe(Metric::kMemory), {1, 1, 0, 0, true});
    Guard(Subscribe(Metric::kPressureMemory), {99, 99, 0, 0, true});
    // Read on a helper thread.
    Guard(Subscribe(Metric::kDisk), {1, 1, 0, 0, true});
    sampler_->RemoveGuard(Guard(subscriptions_.front(), {1, 1, 0, 0, true}));
    sampler_->Unsubscribe(Subscribe(Metric::kMemoryAvailable));
    if (dice_.Roll(4) == 0) sampler_->NoticeFullHeap(&environment_, 1e9);
  }

  void AddTickers() {
    Failure why;
    for (uint32_t i = 0; i < 3; i++) {
      const uint32_t id = sampler_->tickers().Add(&environment_, {250'000, dice_.Roll(2) == 0, false}, &why);
      if (dice_.Roll(3) == 0) sampler_->tickers().Pause(id);
      if (dice_.Roll(3) == 0) sampler_->tickers().Resume(id, 0);
      if (dice_.Roll(3) == 0) sampler_->tickers().Hold(id);
      if (dice_.Roll(3) == 0) sampler_->tickers().SetPeriod(id, kMillisecond);
      if (dice_.Roll(4) == 0) sampler_->tickers().Remove(id);
    }
  }

  void AddRecorder() {
    const uint32_t id = Subscribe(Metric::kProcessRss);
    Failure why;
    recorder_ = sampler_->recorders().Add(&environment_, 500'000, 4, &id, 1, &why);
  }

  void AddFlightLog(bool slow) {
    LogHeader header = {};
    header.states_offset = 128;
    header.states = 2;
    header.entries_offset = header.states_offset + 2 * sizeof(LogNote);
    header.entries = 4;
    header.operations_offset = header.lines_offset = header.entries_offset + 4 * sizeof(LogNote);
    header.operations = kOperations;
    header.names = 1;
    header.rows_offset = static_cast<uint32_t>(header.operations_offset + kTable);
    header.rows = 3;
    header.guards = 3;
    header.row_operations = 2;
    header.columns = 1;
    header.row_size = 48 + 2 * 16 + 8 + 8;
    header.file_size = header.rows_offset + 3 * header.row_size;
    std::vector<uint8_t> image(header.file_size);
    memcpy(image.data(), &header, sizeof(header));
    if (table_ == nullptr) table_.reset(new uint32_t[kTable / sizeof(uint32_t)]());
    sampler_->AttachOperations(&environment_, table_.get(), kTable);
    const uint32_t id = Subscribe(Metric::kProcessCpu);
    static std::atomic<uint32_t> files{0};
    char path[64];
    snprintf(path, sizeof(path), "/tmp/tripline-threads-%d-%u", getpid(), files.fetch_add(1));
    Failure why;
    FlightLogs& logs = sampler_->flight_logs();
    log_ = logs.Create(&environment_, path, image.data(), image.size(), kMillisecond, &id, 1, slow, &why);
    remove(path);
    CHECK(log_ != 0);
    if (dice_.Roll(2) == 0) logs.NoteSignals(log_);
    NoteInLog(LogRing::kStates, LogKind::kRunning);
  }

  void NoteInLog(LogRing ring, LogKind kind) {
    char text[LogNote::kText * 2] = {};
    sampler_->flight_logs().Add(log_, ring, {kind, 1, 2, 3}, text, dice_.Roll(sizeof(text)));
    CHECK(!sampler_->flight_logs().FailureOf(log_).failed());
  }

  AS_JAVASCRIPT void WriteTable() {
    uint32_t* slot = table_.get() + 16 + dice_.Roll(kOperations) * 8;
    for (int i = 1; i < 7; i++) slot[i]++;
    slot[7]++;
    table_[0]++;
  }

  // One thread has it at a time.
  void StartWatchdog() {
    constexpr char kNowhere[] = "/tmp/tripline-no-such-socket";
    Watchdog& watchdog = sampler_->watchdog();
    if (watchdog.Open(&environment_, kNowhere, sizeof(kNowhere) - 1) != 0) return;
    Failure why;
    CHECK(watchdog.Start(kMillisecond, true, -1, &why));
    Guard(Subscribe(Metric::kEventLoopDelay), {2, 1, 0, 0, true}, true, watchdog.MakeReaction());
    // Nothing listens there.
    CHECK(watchdog.Send("STATUS=x", 8, dice_.Roll(2) == 0) != 0);
    CHECK(watchdog.Send("STATUS=y", 8, false) != 0);
    watchdog.Stats();
    if (dice_.Roll(3) == 0) watchdog.Close();
  }

  void WatchStacks() {
    if (environment_.stack != nullptr) return;
    stack_ = new BlockedStack([](void* self) { static_cast<Worker*>(self)->stack_wanted_.store(true); }, this);
    sampler_->WatchStacks(&environment_, stack_);
  }

  void TakeStack() {
    if (!stack_wanted_.exchange(false)) return;
    StackCopy* copy = stack_->Begin();
    if (copy == nullptr) return;
    copy->Add("render", "/app/page.js", 12, 7);
    stack_->End();
  }

  // Blocks the loop until the region is to end.
  void RunRegion() {
    Regions& regions = sampler_->regions();
    Regions::Region outer, inner;
    outer.environment = inner.environment = &environment_;
    outer.tests.push_back({Regions::Test::kTime, true, MonotonicNow() + dice_.Roll(3'000'000), nullptr, 0});
    Failure why;
    CHECK(regions.Enter(&engine_->regions, &outer, &why));
    inner.tests.push_back({Regions::Test::kFlag, true, 0, nullptr, kFlag + dice_.Roll(8)});
    CHECK(regions.Enter(&engine_->regions, &inner, &why));
    // A guard is made in it, and the board may grow.
    if (dice_.Roll(4) == 0) Attach();
    if (dice_.Roll(4) == 0) regions.Order(&engine_->regions, &inner);
    CHECK(Comes([&] {
      TakeStack();
      return regions.IsOrdered(&engine_->regions);
    }));
    regions.Leave(&engine_->regions);
    regions.Leave(&engine_->regions);
  }

  void WatchWhatVanishes() {
    if (child_ > 0) return;
    char name[] = "sleep", seconds[] = "0.003";
    char* arguments[] = {name, seconds, nullptr};
    char* environment[] = {nullptr};
    if (posix_spawn(&child_, "/bin/sleep", nullptr, nullptr, arguments, environment) != 0) return;
    Guard(Subscribe(Metric::kProcessRss, child_), {1e12, 1e12, 0, 0, true});
    Guard(Subscribe(Metric::kProcessCount, child_), {1e12, 1e12, 0, 0, true});
    sampler_->Hurry(child_);
    if (dice_.Roll(2) == 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    child_ = 0;
  }

  void AskForSamples() {
    for (uint32_t each : subscriptions_) {
      sampler_->InfoOf(each);
      Failure why;
      sampler_->SetPeriod(each, 1 + dice_.Roll(2 * kMillisecond), &why);
    }
    if (subscriptions_.empty()) return;
    Failure why;
    CHECK(
        sampler_->Request(&environment_, 7, subscriptions_.data(), static_cast<uint32_t>(subscriptions_.size()), &why));
    sampler_->Stats();
  }

  // The loop answers; sometimes it is left to be blocked.
  void Turn() {
    TakeStack();
    if (table_ != nullptr) WriteTable();
    if (log_ != 0) NoteInLog(LogRing::kEntries, LogKind::kClear);
    loop_->waits.store(dice_.Roll(2) == 0);
    if (!notified_.exchange(false) || dice_.Roll(4) == 0) return;
    if (!sampler_->Acknowledge(&environment_)) return;
    const News news = sampler_->Drain(&environment_);
    for (const uint32_t guard : news.guards) sampler_->EvidenceOf(guard);
    if (news.figures) sampler_->TakeFigures(&environment_, LoopFigures());
    Tick ticks[8];
    sampler_->tickers().Take(&environment_, ticks, 8);
    double block[8];
    if (recorder_ != 0) sampler_->recorders().Take(recorder_, 8, block, 8);
  }

  Sampler* const sampler_ = Sampler::Get();
  FakeEngine* const engine_;
  Dice dice_;
  std::atomic<bool> notified_{false};
  std::atomic<bool> stack_wanted_{false};
  Environment environment_{[](void* self) { static_cast<Worker*>(self)->notified_.store(true); }, this};
  std::unique_ptr<int32_t[]> words_;
  std::unique_ptr<FreedLoop> loop_{new FreedLoop};
  std::unique_ptr<uint32_t[]> table_;
  BlockedStack* stack_ = nullptr;  // the environment owns it
  std::vector<uint32_t> subscriptions_;
  uint32_t recorder_ = 0;
  uint32_t log_ = 0;
  pid_t child_ = 0;
};

}  // namespace

TEST(ThreadsThatEndAtEveryStageLeaveNothing) {
  OnThreads(kThreads, [](uint32_t thread) {
    // In a different order each time, so every step is the last one of some.
    for (uint32_t round = 0; round < 4 * Worker::kSteps; round++) {
      Dice dice(thread * 1000 + round);
      std::unique_ptr<Worker> worker(new Worker(thread, thread * 1000 + round));
      worker->Take(0);
      for (uint32_t step = dice.Roll(Worker::kSteps); step > 0; step--) worker->Take(dice.Roll(Worker::kSteps));
      worker->Take(round % Worker::kSteps);
    }
  });
  const SamplerStats stats = Sampler::Get()->Stats();
  CHECK_EQ(stats.guards, 0u);
  CHECK_EQ(stats.series, 0u);
  CHECK_EQ(stats.tickers, 0u);
  CHECK(Comes([] { return !Sampler::Get()->Stats().running; }));
}

TEST(ThreadsWhoseRegionsEndAsTheyAreOrderedTo) {
  static int32_t word = 0;
  std::atomic<bool> done{false};
  std::thread other([&done] {
    while (!done.load()) {
      __atomic_add_fetch(&word, 1, __ATOMIC_RELEASE);
      usleep(300);
    }
  });
  OnThreads(kThreads, [](uint32_t thread) {
    Regions& regions = Sampler::Get()->regions();
    FakeEngine* engine = EngineOf(thread);
    Dice dice(thread);
    Environment environment([](void*) {}, nullptr);
    std::unique_ptr<int32_t[]> words(new int32_t[kWords]());
    Sampler::Get()->AttachBoard(&environment, words.get(), kWords);
    Failure why;
    for (uint32_t i = 0; i < 1000; i++) {
      Regions::Region outer, inner;
      outer.environment = inner.environment = &environment;
      outer.tests.push_back({Regions::Test::kTime, true, MonotonicNow() + 20 * kSecond, nullptr, 0});
      const auto seen = static_cast<uint32_t>(__atomic_load_n(&word, __ATOMIC_ACQUIRE));
      const auto due = MonotonicNow() + dice.Roll(400'000);
      if (i % 2 == 0) inner.tests.push_back({Regions::Test::kTime, true, due, nullptr, 0});
      if (i % 2 == 1) inner.tests.push_back({Regions::Test::kWord, true, seen, &word, 0});
      const bool nested = dice.Roll(2) == 0;
      if (nested) CHECK(regions.Enter(&engine->regions, &outer, &why));
      CHECK(regions.Enter(&engine->regions, &inner, &why));
      if (dice.Roll(4) == 0) {
        List<Regions::Test> later;
        later.push_back({Regions::Test::kTime, true, due + 100'000, nullptr, 0});
        CHECK(regions.Watch(&inner, &later, &why));
      }
      if (dice.Roll(8) == 0) regions.Order(&engine->regions, &inner);
      // Most end by themselves, at about the time at which they would be ordered to.
      const uint32_t way = dice.Roll(8);
      if (way == 0) {
        CHECK(Comes([&] { return regions.IsOrdered(&engine->regions); }));
      } else if (way == 1) {
        engine->interrupts.store(0);
        CHECK(Comes([&] { return engine->interrupts.load() > 0; }));
      } else {
        for (const uint64_t end = MonotonicNow() + dice.Roll(400'000); MonotonicNow() < end;) {
        }
      }
      regions.Leave(&engine->regions);
      // An order for the inner one does not reach the outer one.
      if (nested) CHECK(!regions.IsOrdered(&engine->regions));
      if (nested) regions.Leave(&engine->regions);
      CHECK(!regions.IsOrdered(&engine->regions));
    }
    Sampler::Get()->RemoveEnvironment(&environment);
  });
  done.store(true);
  other.join();
  CHECK(Comes([] { return !Sampler::Get()->Stats().running; }));
}

TEST(ThreadsReadWholeStacksOfABlockedLoop) {
  std::atomic<uint32_t> wanted{0};
  BlockedStack stack([](void* raw) { static_cast<std::atomic<uint32_t>*>(raw)->fetch_add(1); }, &wanted);
  std::atomic<uint64_t> block{0};
  OnThreads(4, [&](uint32_t thread) {
    Dice dice(thread);
    uint32_t taken = 0;
    for (uint32_t i = 0; i < 5000; i++) {
      if (thread == 0) {
        const uint64_t next = block.fetch_add(1) + 1;
        stack.Ask(next);
        if (dice.Roll(8) == 0) stack.Release();
      } else if (thread == 1) {
        StackCopy* copy = stack.Begin();
        if (copy == nullptr) continue;
        char name[32];
        snprintf(name, sizeof(name), "f%llu", static_cast<unsigned long long>(copy->block));
        for (uint32_t depth = 1 + dice.Roll(8); depth > 0; depth--) copy->Add(name, "/app/page.js", 1, 1);
        stack.End();
        taken++;
      } else if (thread == 2) {
        StackCopy copy;
        if (!stack.Read(BlockedStack::kNewest, &copy)) continue;
        char name[32];
        snprintf(name, sizeof(name), "f%llu", static_cast<unsigned long long>(copy.block));
        for (uint32_t at = 0; at < copy.count; at++) {
          const char* function = copy.texts + copy.frames[at].function;
          CHECK_EQ(function, static_cast<const char*>(name));
        }
      } else {
        char text[512];
        stack.Describe(text, sizeof(text));
        CHECK(text[0] == '\0' || text[0] == 'f');
      }
    }
  });
}
