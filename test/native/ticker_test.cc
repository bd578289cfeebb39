// Beats on a grid, a ticker's deliveries, and rows of a recorder, with a simulated clock.
#include "sampler/ticker.h"
#include "check.h"
#include "sampler/grid.h"
#include "sampler/recorder.h"

using namespace tripline;

namespace {

constexpr uint64_t kStart = 1000 * kSecond;
constexpr uint64_t kPeriod = kMillisecond;

Ticker Make(bool delay = false) { return Ticker(nullptr, TickerSpec{kPeriod, delay, false}, kStart); }

// Does with a due ticker what the sampling thread and an environment do.
bool Deliver(Ticker* ticker, uint64_t now) {
  if (!ticker->Beat(now)) return false;
  ticker->undelivered = true;
  return true;
}
Beats Take(Ticker* ticker, uint64_t now) {
  ticker->undelivered = false;
  return ticker->Take(now);
}

}  // namespace

TEST(GridTakesEachBeatOnce) {
  Grid grid(100, 10);
  CHECK_EQ(grid.Take(99).count, 0u);
  const Beats first = grid.Take(100);
  CHECK_EQ(first.count, 1u);
  CHECK_EQ(first.index, 0u);
  CHECK_EQ(first.due, 100u);
  CHECK_EQ(grid.Take(109).count, 0u);
  const Beats late = grid.Take(147);
  CHECK_EQ(late.count, 4u);
  CHECK_EQ(late.index, 4u);
  CHECK_EQ(late.due, 140u);
  CHECK_EQ(grid.next(), 150u);
}

TEST(GridNeverDrifts) {
  Grid grid(kStart, kPeriod);
  uint64_t beats = 0;
  uint64_t late = 7;
  // A million beats, each taken late by a different amount.
  for (uint64_t now = kStart; now < kStart + 1000 * kSecond; now = grid.next() + late % 900000) {
    const Beats taken = grid.Take(now);
    beats += taken.count;
    CHECK_EQ((taken.due - kStart) % kPeriod, 0u);
    late = late * 6364136223846793005u + 1442695040888963407u;
  }
  CHECK_EQ(beats, 1000000u);
}

TEST(GridAfterIsTheNextBeatToCome) {
  const Grid grid(100, 10);
  CHECK_EQ(grid.After(50), 100u);
  CHECK_EQ(grid.After(100), 110u);
  CHECK_EQ(grid.After(109), 110u);
  CHECK_EQ(grid.After(110), 120u);
}

TEST(GridChangesItsPeriodAfterTheLastBeat) {
  Grid grid(100, 100);
  grid.Take(200);
  grid.SetPeriod(30, 210);
  CHECK_EQ(grid.next(), 230u);
  CHECK_EQ(grid.Take(230).index, 2u);
  // The new time of the next beat has already passed, so the beat comes at once.
  grid.SetPeriod(1000, 231);
  CHECK_EQ(grid.next(), 1230u);
  grid.SetPeriod(50, 900);
  CHECK_EQ(grid.next(), 900u);
  CHECK_EQ(grid.Take(901).due, 900u);
  CHECK_EQ(grid.next(), 950u);
}

TEST(GridKeepsABeatThatWaitsWhenItsPeriodChanges) {
  Grid grid(100, 100);
  grid.SetPeriod(10, 105);
  const Beats taken = grid.Take(105);
  CHECK_EQ(taken.count, 1u);
  CHECK_EQ(taken.due, 100u);
  CHECK_EQ(grid.next(), 110u);
}

TEST(GridSpansDays) {
  constexpr uint64_t kDay = 86400 * kSecond;
  Grid grid(kStart + 30 * kDay, 30 * kDay);
  CHECK_EQ(grid.Take(kStart + 29 * kDay).count, 0u);
  CHECK_EQ(grid.Take(kStart + 3650 * kDay).count, 121u);
}

TEST(TickerDeliversOnItsBeat) {
  Ticker ticker = Make();
  CHECK_EQ(ticker.wake(), kStart + kPeriod);
  CHECK(Deliver(&ticker, kStart + kPeriod + 50));
  CHECK_EQ(ticker.wake(), kStart + 2 * kPeriod);
  const Beats beats = Take(&ticker, kStart + kPeriod + 100);
  CHECK_EQ(beats.count, 1u);
  CHECK_EQ(beats.index, 0u);
  CHECK_EQ(beats.due, kStart + kPeriod);
  CHECK_EQ(ticker.wake(), kStart + 2 * kPeriod);
}

TEST(TickerNeverHasTwoDeliveriesAndLetsTheThreadSleepMeanwhile) {
  Ticker ticker = Make();
  CHECK(Deliver(&ticker, kStart + kPeriod));
  CHECK(!Deliver(&ticker, kStart + 2 * kPeriod));
  CHECK(ticker.wake() == kNever);
  // The JavaScript thread was blocked for five seconds.
  const Beats beats = Take(&ticker, kStart + 5 * kSecond + 1);
  CHECK_EQ(beats.count, 5000u);
  CHECK_EQ(beats.index, 4999u);
  CHECK_EQ(beats.due, kStart + 5 * kSecond);
  CHECK_EQ(ticker.wake(), kStart + 5 * kSecond + kPeriod);
}

TEST(TickerThatDelaysCountsFromALateDelivery) {
  Ticker ticker = Make(true);
  // Slightly late: the grid stays.
  Deliver(&ticker, kStart + kPeriod);
  Take(&ticker, kStart + kPeriod + kPeriod / 10);
  CHECK_EQ(ticker.wake(), kStart + 2 * kPeriod);
  // Late by more than half a period: the grid moves.
  Deliver(&ticker, kStart + 2 * kPeriod);
  CHECK_EQ(Take(&ticker, kStart + 5 * kPeriod + 600000).count, 4u);
  CHECK_EQ(ticker.wake(), kStart + 6 * kPeriod + 600000);
  const uint64_t moved = ticker.wake();
  Deliver(&ticker, moved);
  CHECK_EQ(Take(&ticker, moved + kPeriod).count, 2u);
  CHECK_EQ(ticker.wake(), moved + 2 * kPeriod);
}

TEST(TickerPausedTakesNothing) {
  Ticker ticker = Make();
  Deliver(&ticker, kStart + kPeriod);
  ticker.Pause();
  CHECK(ticker.wake() == kNever);
  CHECK_EQ(Take(&ticker, kStart + 9 * kPeriod).count, 0u);
  ticker.SetPeriod(2 * kPeriod, kStart + 9 * kPeriod);
  CHECK(ticker.wake() == kNever);
  ticker.Resume(kStart + 20 * kPeriod);
  CHECK_EQ(ticker.wake(), kStart + 20 * kPeriod);
  Deliver(&ticker, kStart + 20 * kPeriod);
  const Beats beats = Take(&ticker, kStart + 20 * kPeriod);
  CHECK_EQ(beats.count, 1u);
  CHECK_EQ(beats.index, 0u);
}

TEST(TickerResumedKeepsABeatThatIsStillToCome) {
  Ticker ticker = Make();
  ticker.Pause();
  ticker.Resume(kStart + kPeriod / 2);
  CHECK_EQ(ticker.wake(), kStart + kPeriod);
}

TEST(TickerHeldCountsUntilItIsReleased) {
  Ticker ticker = Make();
  Deliver(&ticker, kStart + kPeriod);
  Take(&ticker, kStart + kPeriod);
  ticker.Hold();
  CHECK(ticker.wake() == kNever);
  const Beats beats = ticker.Release(kStart + 4 * kPeriod + 1);
  CHECK_EQ(beats.count, 3u);
  CHECK_EQ(beats.index, 3u);
  CHECK_EQ(ticker.wake(), kStart + 5 * kPeriod);
}

TEST(TickerHeldWhileADeliveryWaits) {
  Ticker ticker = Make();
  Deliver(&ticker, kStart + kPeriod);
  ticker.Hold();
  CHECK_EQ(Take(&ticker, kStart + kPeriod).count, 1u);
  CHECK(ticker.wake() == kNever);
  CHECK_EQ(ticker.Release(kStart + kPeriod + 1).count, 0u);
  CHECK_EQ(ticker.wake(), kStart + 2 * kPeriod);
}

TEST(RowsComeOutByColumnOldestFirst) {
  RowRing ring(2, 4);
  double* row;
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(ring.Push(&row), 0u);
    row[0] = i;
    row[1] = 10 * i;
  }
  double out[4];
  ring.Take(2, out);
  CHECK_EQ(out[0], 0.0);
  CHECK_EQ(out[1], 1.0);
  CHECK_EQ(out[2], 0.0);
  CHECK_EQ(out[3], 10.0);
  CHECK_EQ(ring.count(), 1u);
}

TEST(RowsThatAreNotTakenLoseTheOldest) {
  RowRing ring(1, 3);
  double* row;
  uint32_t lost = 0;
  for (int i = 0; i < 8; i++) {
    lost += ring.Push(&row);
    row[0] = i;
  }
  CHECK_EQ(lost, 5u);
  double out[3];
  ring.Take(3, out);
  CHECK_EQ(out[0], 5.0);
  CHECK_EQ(out[1], 6.0);
  CHECK_EQ(out[2], 7.0);
  CHECK_EQ(ring.count(), 0u);
}

namespace {

class NoThread final : public Host {
 public:
  Mutex* lock() override { return &lock_; }
  bool EnsureThread(Failure*) override { return true; }
  void WakeBy(uint64_t) override {}
  Feed* FeedOf(uint32_t) override { return nullptr; }
  const Guard* GuardOf(uint32_t) override { return nullptr; }

 private:
  Mutex lock_;
};

}  // namespace

TEST(TickersAskForRealTimeWhileOneOfThemDoes) {
  NoThread host;
  Tickers tickers(&host);
  Failure why;
  CHECK(!tickers.real_time());
  const uint32_t plain = tickers.Add(nullptr, TickerSpec{kPeriod, false, false}, &why);
  CHECK(!tickers.real_time());
  const uint32_t first = tickers.Add(nullptr, TickerSpec{kPeriod, false, true}, &why);
  const uint32_t second = tickers.Add(nullptr, TickerSpec{kPeriod, false, true}, &why);
  CHECK(tickers.real_time());
  tickers.Remove(first);
  CHECK(tickers.real_time());
  tickers.Remove(plain);
  CHECK(tickers.real_time());
  tickers.Remove(second);
  CHECK(!tickers.real_time());
  CHECK(tickers.empty());
}

TEST(RowsGoOnWhereTheyWereTaken) {
  RowRing ring(1, 4);
  double* row;
  int next = 0;
  const auto push = [&](int count) {
    for (int i = 0; i < count; i++) {
      CHECK_EQ(ring.Push(&row), 0u);
      row[0] = next++;
    }
  };
  double out[3];
  push(3);
  ring.Take(2, out);
  push(2);
  ring.Take(3, out);
  CHECK_EQ(out[0], 2.0);
  CHECK_EQ(out[1], 3.0);
  CHECK_EQ(out[2], 4.0);
}
