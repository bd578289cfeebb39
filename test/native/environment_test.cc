// JavaScript is notified once, and not again before it has acknowledged the notification.
#include "sampler/environment.h"

#include "check.h"

using namespace tripline;

namespace {

void Count(void* notifications) { ++*static_cast<int*>(notifications); }

}  // namespace

TEST(EnvironmentNotifiesOnceUntilItIsAcknowledged) {
  int notifications = 0;
  Environment environment(Count, &notifications);
  Guard guard(&environment, GuardSpec(), 1);
  environment.Deliver(&guard);
  environment.Answer(1);
  environment.AskForHeartbeat(7, false);
  CHECK_EQ(notifications, 1);
  CHECK(environment.Acknowledge(8));
  // News that arrives between the acknowledgment and the fetch is fetched with the rest and notified of again.
  environment.Answer(2);
  CHECK_EQ(notifications, 2);
  CHECK_EQ(environment.answered.size(), 2u);
  environment.Drained();
  CHECK(!guard.undelivered);
  CHECK_EQ(environment.answered.size(), 0u);
}

TEST(EnvironmentWhoseNewsAreNotFetchedIsNotifiedOfWhatFollows) {
  int notifications = 0;
  Environment environment(Count, &notifications);
  environment.Answer(1);
  environment.Acknowledge(8);
  environment.Answer(2);
  CHECK_EQ(notifications, 2);
}

TEST(EnvironmentSaysWhetherThereIsAnythingToFetch) {
  int notifications = 0;
  Environment environment(Count, &notifications);
  int32_t words[8] = {};
  environment.board.Attach(words, 8);
  CHECK(!environment.Acknowledge(1));
  // Of each kind alone.
  Guard guard(&environment, GuardSpec(), 1);
  environment.Deliver(&guard);
  CHECK_EQ(words[1], 1);
  CHECK(environment.Acknowledge(2));
  environment.Drained();
  CHECK_EQ(words[1], 0);
  environment.Answer(1);
  CHECK_EQ(words[1], 1);
  CHECK(environment.Acknowledge(3));
  environment.Drained();
  environment.AskForHeartbeat(4, true);
  CHECK_EQ(words[1], 1);
  CHECK(environment.figures_wanted);
  CHECK(environment.Acknowledge(5));
  environment.Drained();
  Ticker ticker(&environment, TickerSpec{kSecond, false, false}, 6);
  environment.Deliver(&ticker);
  CHECK(environment.Acknowledge(7));
  CHECK(environment.NextTicker() == &ticker);
  CHECK(!environment.Acknowledge(8));
}

TEST(EnvironmentCountsAHeartbeatFromItsFirstQuestion) {
  int notifications = 0;
  Environment environment(Count, &notifications);
  int32_t words[8] = {};
  environment.board.Attach(words, 8);
  environment.AskForHeartbeat(10, false);
  environment.AskForHeartbeat(20, false);
  CHECK_EQ(environment.heartbeat.sent, 10u);
  CHECK_EQ(environment.heartbeat.number, 1u);
  // JavaScript is not asked for figures, and has nothing to fetch.
  CHECK(!environment.figures_wanted);
  CHECK_EQ(words[1], 0);
  CHECK(!environment.Acknowledge(30));
}

TEST(EnvironmentWhoseHeapWasFullHasFiguresAgain) {
  int notifications = 0;
  Environment environment(Count, &notifications);
  environment.heap_full = true;
  environment.TakeFigures(LoopFigures());
  CHECK(!environment.heap_full);
}
