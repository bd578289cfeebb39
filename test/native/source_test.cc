// A source whose probe appears later, goes and comes back, or hangs. Probes are scripted, the clock is simulated, and
// helper threads signal when they are done.
#include "sampler/source.h"

#include <pthread.h>

#include <cstring>
#include <memory>
#include <string>

#include "check.h"
#include "sampler/environment.h"
#include "sampler/feed.h"

using namespace tripline;

namespace {

constexpr MetricMask kDisk = MaskOf(Metric::kDisk);
constexpr MetricMask kFree = MaskOf(Metric::kDiskFree);

// What the scripted probes do, and how many were made.
struct Script {
  bool missing = false;  // no probe can be made
  bool blocking = false;
  bool failing = false;  // probes made from now on fail each read
  bool recovers = false;
  bool lost = false;    // each read fails, also of probes that are there
  bool silent = false;  // reads yield nothing new
  MetricMask pending = 0;
  int made = 0;
  int reads = 0;
};
Script script;

// A gate at which a read of a blocking probe waits.
class Door {
 public:
  void Open() { Set(true); }
  void Close() { Set(false); }
  void Pass() {
    pthread_mutex_lock(&mutex_);
    while (!open_) pthread_cond_wait(&changed_, &mutex_);
    pthread_mutex_unlock(&mutex_);
  }

 private:
  void Set(bool open) {
    pthread_mutex_lock(&mutex_);
    open_ = open;
    pthread_cond_broadcast(&changed_);
    pthread_mutex_unlock(&mutex_);
  }

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t changed_ = PTHREAD_COND_INITIALIZER;
  bool open_ = true;
};
Door door;

class ScriptedProbe : public Probe {
 public:
  ScriptedProbe() : blocking_(script.blocking), failing_(script.failing) {}

  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    if (blocking_) door.Pass();
    script.reads++;
    if (script.silent) return;
    if (failing_ || script.lost) {
      Failure why;
      why.Set("scripted failure");
      return SetUnavailable(wanted, why, out);
    }
    for (const Metric each : {Metric::kDisk, Metric::kDiskFree}) {
      if (Wants(wanted, each)) out->SetLevel(each, 42);
    }
  }
  const char* Origin(Metric) const override { return "script"; }
  MetricMask Pending() const override { return script.pending; }
  bool blocking() const override { return blocking_; }
  bool recovers() const override { return script.recovers; }

 private:
  const bool blocking_;
  const bool failing_;
};

Probe* MakeScripted(Metric, const Selector&, Failure* why) {
  if (script.missing) {
    why->Set("scripted absence");
    return nullptr;
  }
  script.made++;
  return new ScriptedProbe();
}

// A source with two feeds, driven as the sampler would drive it.
struct Bench {
  Bench() {
    script = Script();
    door.Open();
  }
  ~Bench() {
    door.Open();
    // Release a waiting helper thread before the next test changes the script that it reads.
    if (source != nullptr && source->blocking() && awaited) Await();
  }

  void Make(const char* name = "/data") {
    Selector selector;
    selector.name = name;
    Failure why;
    source.reset(new Source(Metric::kDisk, selector, MakeScripted, &lock, Wake, this));
    source->Make(now, &why);
    for (Feed* each : {&disk, &free}) source->feeds.push_back(each);
  }

  static void Wake(void* self) {
    auto* bench = static_cast<Bench*>(self);
    pthread_mutex_lock(&bench->mutex);
    bench->woken = true;
    pthread_cond_signal(&bench->changed);
    pthread_mutex_unlock(&bench->mutex);
  }
  // Waits until the helper thread has returned.
  void Await() {
    pthread_mutex_lock(&mutex);
    while (!woken) pthread_cond_wait(&changed, &mutex);
    woken = awaited = false;
    pthread_mutex_unlock(&mutex);
    // The helper thread signals while it holds the lock.
    MutexLock locked(&lock);
  }

  MetricMask Read(MetricMask wanted) {
    MutexLock locked(&lock);
    const MetricMask answered = source->Read(now, wanted, &readings);
    awaited = source->blocking() && !source->overdue();
    return answered;
  }
  MetricMask Take() {
    MutexLock locked(&lock);
    return source->Take(now, &readings);
  }
  Reading::State StateOf(Metric metric) { return readings[metric].state; }
  bool WhyIs(const char* text) { return strstr(readings.failure.text, text) != nullptr; }

  uint64_t now = 1000 * kSecond;
  Mutex lock;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
  bool woken = false;
  bool awaited = false;
  std::unique_ptr<Source> source;
  Feed disk{Metric::kDisk, 0, nullptr};
  Feed free{Metric::kDiskFree, 0, nullptr};
  Readings readings;
};

}  // namespace

namespace {

Selector made_for;

Probe* MakeNoted(Metric, const Selector& selector, Failure*) {
  made_for = selector;
  return new ScriptedProbe();
}

Selector Of(const char* name, int64_t pid = 0, bool tree = false, Environment* environment = nullptr) {
  Selector selector;
  selector.name = name;
  selector.pid = pid;
  selector.tree = tree;
  selector.environment = environment;
  return selector;
}

void Nothing(void*) {}

}  // namespace

TEST(SourceServesWhatItsProbeWasMadeFor) {
  Mutex lock;
  Environment one(Nothing, nullptr), other(Nothing, nullptr);
  const Source disk(Metric::kDisk, Of("/data"), MakeNoted, &lock, Nothing, nullptr);
  CHECK(disk.Matches(Metric::kDisk, Of("/data", 0, false, &one)));
  CHECK(disk.Matches(Metric::kDiskFree, Of("/data")));
  CHECK(!disk.Matches(Metric::kMemory, Of("/data")));
  CHECK(!disk.Matches(Metric::kDisk, Of("/other")));
  const Source process(Metric::kProcessRss, Of("", 7), MakeNoted, &lock, Nothing, nullptr);
  CHECK(process.Matches(Metric::kProcessRss, Of("", 7)));
  CHECK(!process.Matches(Metric::kProcessRss, Of("", 8)));
  CHECK(!process.Matches(Metric::kProcessRss, Of("", 7, true)));
  const Source heap(Metric::kHeap, Of("", 0, false, &one), MakeNoted, &lock, Nothing, nullptr);
  CHECK(heap.Matches(Metric::kHeapUsed, Of("", 0, false, &one)));
  CHECK(!heap.Matches(Metric::kHeapUsed, Of("", 0, false, &other)));
  // Each guard has one of its own.
  const Source kills(Metric::kMemoryOomKills, Of(""), MakeNoted, &lock, Nothing, nullptr);
  CHECK(!kills.Matches(Metric::kMemoryOomKills, Of("")));
}

TEST(SourceMakesItsProbeForItsSelector) {
  Bench bench;
  Environment environment(Nothing, nullptr);
  Failure why;
  Source process(Metric::kProcessRss, Of("x", 7, true, &environment), MakeNoted, &bench.lock, Nothing, nullptr);
  CHECK(process.Make(bench.now, &why));
  CHECK_EQ(made_for.name, "x");
  CHECK_EQ(made_for.pid, 7);
  CHECK(made_for.tree);
  // A process is the same for all environments.
  CHECK(made_for.environment == nullptr);
  Source heap(Metric::kHeap, Of("", 0, false, &environment), MakeNoted, &bench.lock, Nothing, nullptr);
  CHECK(heap.Make(bench.now, &why));
  CHECK(made_for.environment == &environment);
  script.missing = true;
  Source absent(Metric::kDisk, Of("/data"), MakeScripted, &bench.lock, Nothing, nullptr);
  CHECK(!absent.Make(bench.now, &why));
  CHECK(strstr(why.text, "scripted absence") != nullptr);
}

TEST(SourceThatIsAbsentComesLater) {
  Bench bench;
  script.missing = true;
  bench.Make();
  bench.readings.failure.Set("that of another source");
  CHECK_EQ(bench.Read(kDisk), kDisk);
  CHECK_EQ(bench.StateOf(Metric::kDisk), Reading::kUnavailable);
  CHECK(bench.WhyIs("scripted absence"));
  CHECK_EQ(static_cast<const char*>(bench.source->Origin(Metric::kDisk)), "");
  script.missing = false;
  // Not before a second is over.
  bench.now += kSecond / 2;
  bench.Read(kDisk);
  CHECK_EQ(script.made, 0);
  bench.now += kSecond;
  CHECK_EQ(bench.Read(kDisk), kDisk);
  CHECK_EQ(bench.StateOf(Metric::kDisk), Reading::kKnown);
  CHECK_EQ(static_cast<const char*>(bench.source->Origin(Metric::kDisk)), "script");
}

TEST(SourceThatMayBlockComesLaterToo) {
  Bench bench;
  script.missing = true;
  bench.Make();
  CHECK_EQ(bench.Read(kDisk), kDisk);
  script.missing = false;
  script.blocking = true;
  bench.now += kSecond;
  CHECK_EQ(bench.Read(kDisk), 0u);
  bench.Await();
  CHECK_EQ(bench.Take(), kDisk);
  CHECK_EQ(bench.StateOf(Metric::kDisk), Reading::kKnown);
}

TEST(SourceThatYieldsNothingIsMadeAnew) {
  for (const bool blocking : {false, true}) {
    Bench bench;
    script.blocking = blocking;
    script.failing = true;
    bench.Make();
    const auto read = [&] {
      if (bench.Read(kDisk | kFree) == 0) {
        bench.Await();
        bench.Take();
      }
    };
    read();
    CHECK(bench.WhyIs("scripted failure"));
    // The old probe stays in use until a new one can be made.
    script.missing = true;
    bench.now += kSecond;
    read();
    CHECK(bench.WhyIs("scripted failure"));
    script.missing = script.failing = false;
    for (int i = 0; i < 3; i++) {
      bench.now += kSecond;
      read();
    }
    CHECK_EQ(bench.StateOf(Metric::kDisk), Reading::kKnown);
    CHECK_EQ(script.made, 2);
  }
}

TEST(SourceThatRecoversByItselfIsNotMadeAnew) {
  Bench bench;
  script.failing = script.recovers = true;
  bench.Make();
  for (int i = 0; i < 60; i++) {
    bench.Read(kDisk | kFree);
    bench.now += kSecond;
  }
  CHECK_EQ(script.made, 1);
  CHECK_EQ(script.reads, 60);
}

TEST(SourceIsReplacedLessAndLessOften) {
  Bench bench;
  script.failing = true;
  bench.Make();
  const auto run = [&bench](int seconds) {
    std::string made;
    for (int i = 0; i < seconds; i++) {
      const int before = script.made;
      bench.Read(kDisk | kFree);
      if (script.made != before) made += " " + std::to_string(i);
      bench.now += kSecond;
    }
    return made;
  };
  CHECK_EQ(run(120).c_str(), " 1 2 4 8 16 32 48 64 80 96 112");
  // Once it has a value, a later loss is tried as soon as the first one.
  script.failing = false;
  CHECK_EQ(run(30).c_str(), " 8");
  script.lost = true;
  CHECK_EQ(run(5).c_str(), " 1 2 4");
}

TEST(SourceThatYieldsNothingNewHasNotRecovered) {
  Bench bench;
  script.lost = true;
  bench.Make();
  CHECK_EQ(bench.Read(kDisk | kFree), kDisk | kFree);
  CHECK(!bench.source->keepable());
  script.silent = true;
  bench.now += kSecond / 2;
  bench.Read(kDisk | kFree);
  script.silent = script.lost = false;
  bench.now += kSecond / 2;
  bench.Read(kDisk | kFree);
  CHECK_EQ(script.made, 2);
  CHECK_EQ(bench.StateOf(Metric::kDisk), Reading::kKnown);
}

TEST(SourceThatWasEverLostIsNotKept) {
  Bench bench;
  bench.Make();
  bench.Read(kDisk);
  CHECK(bench.source->keepable());
  script.lost = true;
  bench.Read(kDisk);
  script.lost = false;
  bench.Read(kDisk);
  CHECK_EQ(bench.StateOf(Metric::kDisk), Reading::kKnown);
  CHECK(!bench.source->keepable());
}

TEST(SourceIsMadeByItsFirstReadIfThatComesLate) {
  Bench bench;
  script.missing = true;
  bench.Make();
  script.missing = false;
  bench.now += 2 * kSecond;
  CHECK_EQ(bench.Read(kDisk), kDisk);
  CHECK_EQ(bench.StateOf(Metric::kDisk), Reading::kKnown);
}

TEST(SourceWaitsForPendingMetricsAsLongAsTheyAreWatched) {
  Bench bench;
  bench.Make();
  script.pending = kFree;
  CHECK_EQ(bench.Read(kDisk | kFree), kDisk);
  CHECK_EQ(bench.source->pending(), kFree);
  bench.source->Rest(Metric::kDiskFree);
  CHECK_EQ(bench.source->pending(), kFree);
  bench.source->feeds.pop_back();
  bench.source->Rest(Metric::kDiskFree);
  CHECK_EQ(bench.source->pending(), 0u);
}

TEST(SourceOfAProcessThatHasEndedIsNotMadeAnew) {
  Bench bench;
  script.failing = true;
  Selector selector;
  selector.pid = 4242;
  Failure why;
  bench.source.reset(new Source(Metric::kDisk, selector, MakeScripted, &bench.lock, Bench::Wake, &bench));
  bench.source->Make(bench.now, &why);
  bench.source->feeds.push_back(&bench.disk);
  for (int i = 0; i < 10; i++) {
    bench.now += kSecond;
    bench.Read(kDisk);
  }
  CHECK_EQ(script.made, 1);
}

TEST(SourceThatHangsMakesEveryMetricUnavailable) {
  Bench bench;
  script.blocking = true;
  bench.Make();
  door.Close();
  CHECK_EQ(bench.Read(kDisk), 0u);
  // Requested while the first read is under way, which was started for another metric.
  bench.now += kSecond;
  CHECK_EQ(bench.Read(kFree), 0u);
  CHECK_EQ(bench.Take(), 0u);
  CHECK_EQ(bench.source->OverdueAt(), 1002 * kSecond);
  bench.now += kSecond;
  CHECK_EQ(bench.Take(), kDisk | kFree);
  for (const Metric each : {Metric::kDisk, Metric::kDiskFree}) CHECK_EQ(bench.StateOf(each), Reading::kUnavailable);
  CHECK(bench.WhyIs("has not answered"));
  CHECK(bench.source->overdue());
  CHECK_EQ(bench.source->queued(), 0u);
  // Requests from now on are answered at once.
  bench.now += 10 * kSecond;
  CHECK_EQ(bench.Read(kFree), kFree);
  CHECK_EQ(bench.StateOf(Metric::kDiskFree), Reading::kUnavailable);
  CHECK_EQ(bench.source->OverdueAt(), kNever);

  door.Open();
  bench.Await();
  CHECK_EQ(bench.Take(), kDisk);
  CHECK_EQ(bench.StateOf(Metric::kDisk), Reading::kKnown);
  CHECK(!bench.source->overdue());
  CHECK_EQ(bench.Read(kFree), 0u);
  bench.Await();
  CHECK_EQ(bench.Take(), kFree);
  CHECK_EQ(bench.StateOf(Metric::kDiskFree), Reading::kKnown);
}

TEST(SourceReadsWhatWasAskedForInTheMeantime) {
  Bench bench;
  script.blocking = true;
  bench.Make();
  door.Close();
  bench.Read(kDisk);
  bench.Read(kDisk | kFree);
  CHECK_EQ(bench.source->queued(), kFree);
  door.Open();
  bench.Await();
  CHECK_EQ(bench.Take(), kDisk);
  CHECK_EQ(bench.Read(bench.source->queued()), 0u);
  bench.Await();
  CHECK_EQ(bench.Take(), kFree);
  CHECK_EQ(bench.source->queued(), 0u);
}

TEST(SourceThatNoLongerBlocksOwesNoRead) {
  Bench bench;
  script.blocking = script.failing = true;
  bench.Make();
  door.Close();
  bench.Read(kDisk);
  bench.Read(kFree);
  door.Open();
  bench.Await();
  CHECK_EQ(bench.Take(), kDisk);
  // The last user of the other metric leaves, and the next probe reads at once.
  bench.source->feeds.pop_back();
  script.blocking = script.failing = false;
  bench.now += 60 * kSecond;
  CHECK_EQ(bench.Read(kDisk), kDisk);
  CHECK(!bench.source->blocking());
  // Otherwise every pass would read it.
  CHECK_EQ(bench.source->queued(), 0u);
}

TEST(SourceThatMayBlockHandsOutNoReadingTwice) {
  Bench bench;
  script.blocking = true;
  bench.Make();
  for (const bool silent : {false, true}) {
    script.silent = silent;
    CHECK_EQ(bench.Read(kDisk), 0u);
    bench.Await();
    CHECK_EQ(bench.Take(), kDisk);
    CHECK_EQ(bench.StateOf(Metric::kDisk), silent ? Reading::kAbsent : Reading::kKnown);
  }
}

TEST(SourceThatWasNotRunIsNotOverdue) {
  Bench bench;
  script.blocking = true;
  bench.Make();
  door.Close();
  bench.Read(kDisk);
  // The process was stopped for a minute, including the helper thread.
  bench.now += 60 * kSecond;
  bench.source->Discount({60 * kSecond, true}, bench.now);
  CHECK_EQ(bench.Take(), 0u);
  bench.now += 2 * kSecond;
  CHECK_EQ(bench.Take(), kDisk | kFree);
}
