// How a series turns readings into values: shares over a window, first samples, lost sources.
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <new>

#include "check.h"
#include "port/platform.h"
#include "sampler/series.h"

using namespace tripline;

namespace {

Reading Counter(double num, double den) {
  Reading reading;
  reading.state = Reading::kKnown;
  reading.parts = 1;
  reading.num[0] = num;
  reading.den[0] = den;
  return reading;
}

const Failure kNone;

}  // namespace

TEST(SeriesOfARatioIsUnknownUntilItsWindowIsOver) {
  Series series(Metric::kCpu, 500 * kMillisecond);
  series.Absorb(Counter(0, 0), kNone, 0);
  CHECK(series.now().state == Value::kUnknown);
  series.Absorb(Counter(10, 100), kNone, 100 * kMillisecond);
  CHECK(series.now().state == Value::kUnknown);
  CHECK(series.Absorb(Counter(100, 500), kNone, 500 * kMillisecond));
  CHECK(series.now().state == Value::kKnown);
  CHECK_NEAR(series.now().value, 20.0, 1e-9);
}

TEST(SeriesOfARatioSlides) {
  Series series(Metric::kCpu, 500 * kMillisecond);
  // Idle for a second, then busy: after half a window, half of the window is busy.
  double num = 0;
  for (uint64_t t = 0; t <= 20; t++) {
    if (t > 10) num += 50;
    series.Absorb(Counter(num, 50.0 * static_cast<double>(t)), kNone, t * 50 * kMillisecond);
    if (t == 15) CHECK_NEAR(series.now().value, 50.0, 13.0);
  }
  CHECK_NEAR(series.now().value, 100.0, 1e-9);
}

TEST(SeriesTakesTheLargestPart) {
  Series series(Metric::kCpu, 100 * kMillisecond);
  Reading reading = Counter(0, 0);
  reading.parts = 2;
  series.Absorb(reading, kNone, 0);
  reading.num[0] = 10, reading.den[0] = 100;
  reading.num[1] = 80, reading.den[1] = 100;
  series.Absorb(reading, kNone, 100 * kMillisecond);
  CHECK_NEAR(series.now().value, 80.0, 1e-9);
}

TEST(SeriesMeasuresNothingAcrossAResetOfItsCounters) {
  // Of the work alone, and of the time alone, in the second part.
  for (const bool of_work : {true, false}) {
    Series series(Metric::kCpu, 100 * kMillisecond);
    const auto absorb = [&](double num, double den, uint64_t at) {
      Reading reading = Counter(0, 0);
      reading.parts = 2;
      reading.num[1] = num;
      reading.den[1] = den;
      series.Absorb(reading, kNone, at * kMillisecond);
    };
    absorb(1000, 2000, 0);
    if (of_work)
      absorb(5, 2010, 100);
    else
      absorb(1010, 10, 100);
    const double num = of_work ? 5 : 1010, den = of_work ? 2010 : 10;
    // So fast that the sum is nearly that of before.
    absorb(num + 600, den + 1200, 150);
    CHECK(series.now().state == Value::kUnknown);
    absorb(num + 700, den + 1400, 200);
    CHECK(series.now().state == Value::kKnown);
    CHECK_NEAR(series.now().value, 50.0, 1e-9);
  }
}

TEST(SeriesWithoutProgressKeepsItsValue) {
  Series series(Metric::kCpu, 100 * kMillisecond);
  series.Absorb(Counter(0, 0), kNone, 0);
  series.Absorb(Counter(50, 100), kNone, 100 * kMillisecond);
  // 0/0 in this window yields no new value, and especially not 0 %.
  CHECK(!series.Absorb(Counter(50, 100), kNone, 300 * kMillisecond));
  CHECK(series.now().state == Value::kKnown);
  CHECK_NEAR(series.now().value, 50.0, 1e-9);
}

TEST(SeriesResetDropsTheBaseline) {
  Series series(Metric::kCpu, 100 * kMillisecond);
  series.Absorb(Counter(0, 0), kNone, 0);
  series.Reset();
  CHECK(!series.Absorb(Counter(100, 100), kNone, 200 * kMillisecond));
  CHECK(series.now().state == Value::kUnknown);
}

TEST(SeriesLostAndFound) {
  Series series(Metric::kProcessRss, 0);
  Reading level;
  level.state = Reading::kKnown;
  level.level = 7;
  CHECK(series.Absorb(level, kNone, 1));
  Reading lost;
  lost.state = Reading::kUnavailable;
  Failure failure;
  failure.Set("the process is gone");
  CHECK(series.Absorb(lost, failure, 2));
  CHECK(series.now().state == Value::kUnavailable);
  CHECK_EQ(static_cast<const char*>(series.failure().text), "the process is gone");
  CHECK(series.Absorb(level, kNone, 3));
  CHECK(series.now().state == Value::kKnown);
}

TEST(SeriesKeepsTheLastValuesInOrder) {
  Series series(Metric::kProcessRss, 0);
  Reading level;
  level.state = Reading::kKnown;
  for (int i = 1; i <= 20; i++) {
    level.level = i;
    series.Absorb(level, kNone, static_cast<uint64_t>(i));
  }
  double recent[kRecent];
  CHECK_EQ(series.CopyRecent(recent), 8);
  CHECK_NEAR(recent[0], 13.0, 0);
  CHECK_NEAR(recent[kRecent - 1], 20.0, 0);
}

TEST(SeriesOfCountersThatStartAnewBeginsAnew) {
  Series series(Metric::kCpu, 100 * kMillisecond);
  series.Absorb(Counter(1000, 10000), kNone, 0);
  series.Absorb(Counter(1050, 10100), kNone, 100 * kMillisecond);
  CHECK_NEAR(series.now().value, 50.0, 1e-9);
  // Either counter of a pair may start anew. Its new value is not known to belong to this window.
  CHECK(!series.Absorb(Counter(10, 10200), kNone, 200 * kMillisecond));
  CHECK_NEAR(series.now().value, 50.0, 1e-9);
  CHECK(series.Absorb(Counter(20, 10300), kNone, 300 * kMillisecond));
  CHECK_NEAR(series.now().value, 10.0, 1e-9);
  CHECK(!series.Absorb(Counter(120, 100), kNone, 400 * kMillisecond));
  CHECK_NEAR(series.now().value, 10.0, 1e-9);
}

TEST(SeriesOfAShareStaysWithinItsScale) {
  Series share(Metric::kCpu, 100 * kMillisecond);
  share.Absorb(Counter(0, 0), kNone, 0);
  share.Absorb(Counter(103, 100), kNone, 100 * kMillisecond);
  CHECK_NEAR(share.now().value, 100.0, 0);

  Series cpu(Metric::kProcessCpu, 100 * kMillisecond);
  cpu.Absorb(Counter(0, 0), kNone, 0);
  cpu.Absorb(Counter(250, 100), kNone, 100 * kMillisecond);
  CHECK_NEAR(cpu.now().value, 250.0, 1e-9);

  Series level(Metric::kMemory, 0);
  Reading reading;
  reading.state = Reading::kKnown;
  for (const double raw : {-3.0, 104.0}) {
    reading.level = raw;
    level.Absorb(reading, kNone, 1);
    CHECK_NEAR(level.now().value, raw < 0 ? 0.0 : 100.0, 0);
  }
}

TEST(SeriesOfNoNumberIsUnavailable) {
  Series series(Metric::kProcessRss, 0);
  Reading reading;
  reading.state = Reading::kKnown;
  for (const double raw : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    reading.level = raw;
    CHECK(series.Absorb(reading, kNone, 1));
    CHECK(series.now().state == Value::kUnavailable);
    CHECK(series.failure().failed());
  }
}

TEST(SeriesAveragesOverItsWindowHoweverTheReadsLie) {
  // Busy in the second half of each second, so the mean over 500 ms is known at any time.
  const auto busy = [](uint64_t at) {
    const uint64_t second = at / kSecond, rest = at % kSecond;
    return static_cast<double>(second * kSecond / 2 + (rest > kSecond / 2 ? rest - kSecond / 2 : 0));
  };
  for (const uint64_t step : {70, 100, 125, 250, 500}) {
    Series series(Metric::kCpu, 500 * kMillisecond);
    for (uint64_t at = 0; at <= 4 * kSecond; at += step * kMillisecond) {
      series.Absorb(Counter(busy(at), static_cast<double>(at)), kNone, at);
      if (series.now().state != Value::kKnown) continue;
      const double exact = (busy(at) - busy(at - 500 * kMillisecond)) / (5.0 * kMillisecond);
      // The error is at most what can happen between the two reads around the start of the window.
      CHECK_NEAR(series.now().value, exact, step < 125 ? 6 : step == 250 || step == 500 ? 1e-9 : 13);
    }
  }
}

TEST(SeriesOfARatioThatComesBackIsUnknownUntilItsWindowIsOver) {
  Series series(Metric::kCpu, 100 * kMillisecond);
  series.Absorb(Counter(0, 0), kNone, 0);
  series.Absorb(Counter(50, 100), kNone, 100 * kMillisecond);
  Reading lost;
  lost.state = Reading::kUnavailable;
  Failure failure;
  failure.Set("gone");
  CHECK(series.Absorb(lost, failure, 200 * kMillisecond));
  // The guards learn that it is no longer lost; nothing is known before its window is over.
  CHECK(series.Absorb(Counter(900, 1000), kNone, 300 * kMillisecond));
  CHECK(series.now().state == Value::kUnknown);
  CHECK(!series.Absorb(Counter(905, 1050), kNone, 350 * kMillisecond));
  CHECK(series.Absorb(Counter(910, 1100), kNone, 400 * kMillisecond));
  CHECK_NEAR(series.now().value, 10.0, 1e-9);
  // Only values from after the loss.
  double recent[kRecent];
  CHECK_EQ(series.CopyRecent(recent), 1u);
}

TEST(SeriesTakesNothingFromAReadingThatIsAbsent) {
  Series series(Metric::kProcessRss, 0);
  CHECK(!series.Absorb(Reading(), kNone, 5));
  CHECK(series.now().state == Value::kUnknown);
  CHECK_EQ(series.now().at, 0u);
}

TEST(SeriesWhosePartsChangeBeginsAnew) {
  Series series(Metric::kCpu, 100 * kMillisecond);
  Reading reading = Counter(0, 0);
  series.Absorb(reading, kNone, 0);
  reading.parts = 2;
  reading.num[0] = 10, reading.den[0] = 100;
  reading.num[1] = 90, reading.den[1] = 100;
  CHECK(!series.Absorb(reading, kNone, 100 * kMillisecond));
  reading.num[0] = 20, reading.den[0] = 200;
  reading.num[1] = 95, reading.den[1] = 200;
  CHECK(series.Absorb(reading, kNone, 200 * kMillisecond));
  CHECK_NEAR(series.now().value, 10.0, 1e-9);
  CHECK_EQ(series.part(), 0u);
  reading.num[0] = 21, reading.den[0] = 300;
  reading.num[1] = 155, reading.den[1] = 300;
  series.Absorb(reading, kNone, 300 * kMillisecond);
  CHECK_NEAR(series.now().value, 60.0, 1e-9);
  CHECK_EQ(series.part(), 1u);
}

TEST(SeriesMeasuresAWindowFromTheMarkAtItsVeryBegin) {
  // A mark at least 630 ms old serves a window of 640 ms.
  constexpr uint64_t kWindow = 640 * kMillisecond, kOld = 630 * kMillisecond;
  Series first(Metric::kCpu, kWindow);
  first.Absorb(Counter(0, 0), kNone, 0);
  CHECK(!first.Absorb(Counter(10, 629), kNone, kOld - 1));
  Series exact(Metric::kCpu, kWindow);
  exact.Absorb(Counter(0, 0), kNone, 0);
  CHECK(exact.Absorb(Counter(63, 630), kNone, kOld));
  CHECK_NEAR(exact.now().value, 10, 1e-9);
  // Idle for 100 ms, and busy since then.
  Series later(Metric::kCpu, kWindow);
  later.Absorb(Counter(0, 0), kNone, 0);
  later.Absorb(Counter(0, 100), kNone, 100 * kMillisecond);
  CHECK(later.Absorb(Counter(630, 730), kNone, 730 * kMillisecond));
  CHECK_NEAR(later.now().value, 100, 1e-9);
}

TEST(SeriesMarksEveryEighthOfItsWindow) {
  Series series(Metric::kCpu, 640 * kMillisecond);
  series.Absorb(Counter(0, 0), kNone, 0);
  // Busy for an eighth, and idle since then.
  series.Absorb(Counter(80, 80), kNone, 80 * kMillisecond);
  CHECK(series.Absorb(Counter(80, 710), kNone, 710 * kMillisecond));
  CHECK_NEAR(series.now().value, 0, 1e-9);
}

TEST(SeriesNamesTheFirstOfTwoPartsThatAreEqual) {
  Series series(Metric::kCpu, 100 * kMillisecond);
  Reading reading = Counter(0, 0);
  reading.parts = 2;
  series.Absorb(reading, kNone, 0);
  for (int i = 0; i < 2; i++) reading.num[i] = 50, reading.den[i] = 100;
  CHECK(series.Absorb(reading, kNone, 100 * kMillisecond));
  CHECK_EQ(series.part(), 0u);
}

TEST(SeriesDependsOnNothingThatItsMemoryHeld) {
  alignas(Series) static unsigned char memory[sizeof(Series)];
  // Each double of it is not a number.
  std::memset(memory, 0xff, sizeof(memory));
  auto* series = new (memory) Series(Metric::kCpu, 100 * kMillisecond);
  series->Absorb(Counter(0, 0), kNone, 0);
  CHECK(series->Absorb(Counter(50, 100), kNone, 100 * kMillisecond));
  CHECK_NEAR(series->now().value, 50, 1e-9);
  CHECK(series->Absorb(Counter(150, 200), kNone, 250 * kMillisecond));
  CHECK(series->now().state == Value::kKnown);
  series->~Series();
}

TEST(SeriesSaysSinceWhenItIsLost) {
  Series series(Metric::kDisk, 0);
  Reading reading;
  reading.state = Reading::kUnavailable;
  CHECK(series.Absorb(reading, kNone, 7 * kSecond));
  CHECK_EQ(series.now().at, 7 * kSecond);
  // Of no value there is none to copy, and of one no more.
  double recent[3] = {-1, -1, -1};
  CHECK_EQ(series.CopyRecent(recent), 0u);
  CHECK_NEAR(recent[0], -1, 0);
  reading.state = Reading::kKnown;
  reading.level = 5;
  series.Absorb(reading, kNone, 8 * kSecond);
  CHECK_EQ(series.CopyRecent(recent), 1u);
  CHECK_NEAR(recent[0], 5, 0);
  CHECK_NEAR(recent[1], -1, 0);
}
