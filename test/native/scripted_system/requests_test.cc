// Requests for fresh values, over a scripted system: they are answered once all of their sources are fresh.
#include "scripted_system/world.h"

using namespace tripline;
using tripline::test::Script;
using tripline::test::System;
using tripline::test::World;

TEST(RequestIsAnsweredWhenAllItsSourcesAreFresh) {
  Script script;
  World world;
  System::blocking = true;
  const uint32_t slow = world.Subscribe(Metric::kDisk, "/slow");
  System::blocking = false;
  const uint32_t quick = world.Subscribe(Metric::kSockets);
  System::Run(kSecond);
  System::CloseDoor();
  const uint32_t both[] = {quick, slow};
  CHECK(world.sampler->Request(&world.environment, 5, both, 2, &world.why));
  for (const uint32_t each : both) CHECK(world.sampler->SetPeriod(each, 100 * kMillisecond, &world.why));
  System::Run(kSecond);
  // The quick one was read again and again.
  CHECK(System::ReadsOf(Metric::kSockets) >= 5);
  CHECK_EQ(System::waiting(), 1);
  CHECK_EQ(world.environment.answered.size(), 0u);
  CHECK_EQ(world.notified, 0);
  System::OpenDoor();
  System::Run(50 * kMillisecond);
  CHECK_EQ(world.environment.answered.size(), 1u);
  CHECK_EQ(world.notified, 1);
  const News news = world.Fetch();
  CHECK_EQ(news.answers.size(), 1u);
  CHECK_EQ(news.answers[0], 5u);
  // Once.
  System::Run(kSecond);
  CHECK_EQ(world.environment.answered.size(), 0u);
}

TEST(RequestIsNotAnsweredByValuesFromBefore) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kDisk);
  world.sampler->SetPeriod(series, kSecond, &world.why);
  System::Run(kSecond + kSecond / 2);
  world.sampler->Request(&world.environment, 5, &series, 1, &world.why);
  System::Run(kSecond / 4);
  CHECK_EQ(world.environment.answered.size(), 0u);
  System::Run(kSecond);
  CHECK_EQ(world.environment.answered.size(), 1u);
}

TEST(RequestForAShareThatNeverMovesEndsAfterItsWindow) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kDiskLatency, "/");
  // Without operations there is no latency.
  System::Of(Metric::kDiskLatency).during = [] { System::Of(Metric::kDiskLatency).jump = 0; };
  world.sampler->SetPeriod(series, 100 * kMillisecond, &world.why);
  world.sampler->Request(&world.environment, 5, &series, 1, &world.why);
  System::Run(2 * kSecond);
  CHECK_EQ(world.environment.answered.size(), 1u);
}

TEST(RequestWhoseSubscriptionIsClosedIsAnsweredByTheOthers) {
  Script script;
  World world;
  System::blocking = true;
  const uint32_t slow = world.Subscribe(Metric::kDisk, "/slow");
  System::blocking = false;
  const uint32_t quick = world.Subscribe(Metric::kSockets);
  System::CloseDoor();
  const uint32_t both[] = {slow, quick};
  world.sampler->Request(&world.environment, 5, both, 2, &world.why);
  for (const uint32_t each : both) world.sampler->SetPeriod(each, 100 * kMillisecond, &world.why);
  System::Run(kSecond);
  CHECK_EQ(world.environment.answered.size(), 0u);
  world.sampler->Unsubscribe(slow);
  // This one may get its memory, and is not fresh.
  System::blocking = true;
  world.Subscribe(Metric::kDisk, "/other");
  System::Run(kSecond);
  CHECK_EQ(world.environment.answered.size(), 1u);
}

TEST(RequestOfAnEnvironmentThatIsGoneIsNotAnswered) {
  Script script;
  World stays;
  const uint32_t series = stays.Subscribe(Metric::kDisk);
  stays.sampler->SetPeriod(series, kSecond, &stays.why);
  {
    World goes;
    const uint32_t own = goes.Subscribe(Metric::kDisk);
    goes.sampler->Request(&goes.environment, 1, &own, 1, &goes.why);
  }
  System::Run(5 * kSecond);
  CHECK_EQ(stays.environment.answered.size(), 0u);
}

TEST(RequestIsAnsweredByAShareOfThisVeryMoment) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kCpu);
  CHECK(world.sampler->SetPeriod(series, kSecond, &world.why));
  System::Run(10 * kSecond);
  CHECK_EQ(System::reads().back().at, System::now());
  CHECK(world.sampler->Request(&world.environment, 5, &series, 1, &world.why));
  System::Settle();
  CHECK_EQ(world.environment.answered.size(), 1u);
  // The next one is answered by the next read, for which no window has to pass.
  world.Fetch();
  System::Run(kSecond / 2);
  CHECK(world.sampler->Request(&world.environment, 6, &series, 1, &world.why));
  CHECK_EQ(world.environment.answered.size(), 0u);
  System::Run(kSecond / 2);
  CHECK_EQ(world.environment.answered.size(), 1u);
}

TEST(RequestsOfAnEnvironmentEndWithIt) {
  Script script;
  World goes, stays;
  System::blocking = true;
  const uint32_t own = goes.Subscribe(Metric::kDisk, "/slow");
  const uint32_t other = stays.Subscribe(Metric::kDisk, "/slow");
  System::CloseDoor();
  CHECK(goes.sampler->Request(&goes.environment, 1, &own, 1, &goes.why));
  CHECK(stays.sampler->Request(&stays.environment, 2, &other, 1, &stays.why));
  for (const uint32_t each : {own, other}) CHECK(stays.sampler->SetPeriod(each, 100 * kMillisecond, &stays.why));
  System::Run(kSecond);
  goes.sampler->RemoveEnvironment(&goes.environment);
  System::OpenDoor();
  System::Run(kSecond);
  CHECK_EQ(goes.notified, 0);
  CHECK_EQ(stays.environment.answered.size(), 1u);
  CHECK_EQ(stays.environment.answered[0], 2u);
}

TEST(RequestsAreAnsweredInTheOrderOfTheirSources) {
  Script script;
  World world;
  const uint32_t quick = world.Subscribe(Metric::kSockets);
  System::blocking = true;
  const uint32_t slow = world.Subscribe(Metric::kDisk, "/slow");
  System::CloseDoor();
  CHECK(world.sampler->Request(&world.environment, 1, &quick, 1, &world.why));
  CHECK(world.sampler->Request(&world.environment, 2, &slow, 1, &world.why));
  for (const uint32_t each : {quick, slow}) CHECK(world.sampler->SetPeriod(each, 100 * kMillisecond, &world.why));
  System::Run(kSecond);
  CHECK_EQ(world.environment.answered.size(), 1u);
  CHECK_EQ(world.environment.answered[0], 1u);
  System::OpenDoor();
  System::Run(kSecond);
  CHECK_EQ(world.environment.answered.size(), 2u);
  CHECK_EQ(world.environment.answered[1], 2u);
}

TEST(RequestForAShareThatIsUnknownEndsAQuarterAfterItsWindow) {
  Script script;
  World world;
  const uint32_t series = world.Subscribe(Metric::kCpu, "", 500 * kMillisecond);
  System::Of(Metric::kCpu).still = true;
  world.Guard(World::Above(series, 80), 0, 125 * kMillisecond);
  System::Run(10 * kSecond);
  CHECK(world.sampler->Request(&world.environment, 5, &series, 1, &world.why));
  System::Run(625 * kMillisecond - 1);
  CHECK_EQ(world.environment.answered.size(), 0u);
  System::Run(1);
  CHECK_EQ(System::reads().back().at, System::now());
  CHECK_EQ(world.environment.answered.size(), 1u);
}
