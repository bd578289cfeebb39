// Counters that wrap, start anew or go backwards, and sums over those that come and go.
#include "util/counter.h"

#include "check.h"

using namespace tripline;

TEST(CountersThatWrapOrStartAnew) {
  CHECK_EQ(CounterGrowth(100, 150), 50u);
  CHECK_EQ(CounterGrowth(4294967290u, 10), 16u);
  CHECK_EQ(CounterGrowth(5000, 10), 0u);
  CHECK_EQ(CounterGrowth(uint64_t{1} << 40, 10), 0u);
  // A drop from 3 GB is a device that has started anew: the counter was too far from 2^32 to have wrapped.
  CHECK_EQ(CounterGrowth(3000000000u, 10), 0u);
  CHECK_EQ(CounterGrowth(3000000000u, 10, uint64_t{1} << 31), 1294967306u);
  CHECK_EQ(CounterGrowth(2000000000u, 10, uint64_t{1} << 31), 0u);
}

TEST(DifferencesSaturate) {
  CHECK_EQ(SaturatingDifference(5, 3), 2u);
  CHECK_EQ(SaturatingDifference(3, 5), 0u);
  CHECK_EQ(SaturatingDifference(UINT64_MAX, 0), UINT64_MAX);
}

TEST(ElapsedTimeLeavesOutWhatIsForgotten) {
  ElapsedTime elapsed;
  elapsed.Add(3 * kSecond);
  CHECK_EQ(elapsed.seconds(), 0.0);
  elapsed.Add(5 * kSecond);
  elapsed.Add(4 * kSecond);
  CHECK_EQ(elapsed.seconds(), 2.0);
  elapsed.Forget();
  elapsed.Add(100 * kSecond);
  elapsed.Add(101 * kSecond);
  CHECK_EQ(elapsed.seconds(), 3.0);
}

TEST(SumsOfCountersThatStartAnewDoNotShow) {
  GrowingSum sum;
  sum.Add(1000);
  CHECK_EQ(sum.sum(), 0.0);
  sum.Add(1500);
  sum.Add(200);
  sum.Add(300);
  CHECK_EQ(sum.sum(), 600.0);
  sum.Forget();
  sum.Add(100000);
  CHECK_EQ(sum.sum(), 600.0);
  // A counter of 64 bits does not wrap, so this one has started anew.
  sum.Add(4294967290u);
  sum.Add(10);
  CHECK_EQ(sum.sum(), 600.0 + 4294967290.0 - 100000);
}

TEST(SumsOfNarrowCountersWrap) {
  GrowingSum sum;
  sum.AddNarrow(4294967000u);
  CHECK_EQ(sum.sum(), 0.0);
  sum.AddNarrow(704);
  CHECK_EQ(sum.sum(), 1000.0);
  sum.AddNarrow(4);
  CHECK_EQ(sum.sum(), 1000.0);
}
