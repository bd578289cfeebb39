// Tickers, recorders, flight logs and the watchdog on the sampling thread, over a scripted system: what is delivered
// when, and what wakes the thread.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "scripted_system/world.h"

using namespace tripline;
using tripline::test::Script;
using tripline::test::System;
using tripline::test::World;

namespace {

constexpr uint64_t kPeriod = 10 * kMillisecond;

// An environment with tickers and recorders.
struct Program : World {
  Tickers& tickers = sampler->tickers();

  uint32_t Every(uint64_t period, bool delay = false) {
    return tickers.Add(&environment, TickerSpec{period, delay, false}, &why);
  }
  // The ticks that are due, fetched as JavaScript does.
  std::vector<Tick> Take(uint32_t capacity = 8) {
    sampler->Acknowledge(&environment);
    Tick ticks[8];
    const uint32_t count = tickers.Take(&environment, ticks, capacity);
    return std::vector<Tick>(ticks, ticks + count);
  }
};

constexpr uint64_t kRows = 1024;  // where the rows begin

constexpr uint64_t kStates = 512, kEntries = 768;

// A flight log without columns and with rows of nothing but their heads, and with room for one state and one entry.
uint32_t RecordEvery(Program* program, uint64_t interval, bool slow = false, uint32_t entries = 1) {
  LogHeader header = {};
  header.states_offset = kStates;
  header.states = 1;
  header.entries_offset = kEntries;
  header.entries = entries;
  header.rows_offset = kRows;
  header.rows = 100;
  header.row_size = 40;
  return program->sampler->flight_logs().Create(&program->environment, "log", reinterpret_cast<uint8_t*>(&header),
                                                sizeof(header), interval, nullptr, 0, slow, &program->why);
}

// When rows were written since `from`.
std::vector<uint64_t> RowsSince(uint64_t from) {
  std::vector<uint64_t> times;
  for (const auto& each : System::writes()) {
    if (each.at >= from && each.offset >= kRows) times.push_back(each.at - from);
  }
  return times;
}

// The last piece that was written at an offset.
std::string LastAt(uint64_t offset) {
  std::string last;
  for (const auto& each : System::writes()) {
    if (each.offset == offset) last = each.bytes;
  }
  return last;
}

uint32_t SubscribeEvery(Program* program, Metric metric, uint64_t period) {
  const uint32_t series = program->Subscribe(metric);
  CHECK(program->sampler->SetPeriod(series, period, &program->why));
  return series;
}

}  // namespace

TEST(BeatsAreDeliveredOneAtATime) {
  Script script;
  Program program;
  const uint32_t id = program.Every(kPeriod);
  const uint64_t begun = System::now();
  System::Settle();
  // The wait for a beat is exact, and nothing comes before.
  CHECK_EQ(System::deadline(), begun + kPeriod);
  CHECK(System::exact());
  System::Run(kPeriod - 1);
  CHECK_EQ(program.notified, 0);
  CHECK(program.Take().empty());
  System::Run(1);
  CHECK_EQ(program.notified, 1);
  const auto first = program.Take();
  CHECK_EQ(first.size(), 1u);
  CHECK_EQ(first[0].id, id);
  CHECK_EQ(first[0].beats.count, 1u);
  CHECK_EQ(first[0].beats.index, 0u);
  CHECK_EQ(first[0].beats.due, begun + kPeriod);
  CHECK(program.Take().empty());
  program.tickers.Remove(id);
}

TEST(BeatsThatAreNotFetchedWakeNothingAndAreCounted) {
  Script script;
  Program program;
  const uint32_t id = program.Every(kPeriod);
  System::Run(2 * kPeriod);
  const uint64_t wakeups = program.sampler->Stats().wakeups;
  System::Run(100 * kPeriod);
  CHECK_EQ(program.sampler->Stats().wakeups, wakeups);
  CHECK_EQ(program.notified, 1);
  const auto late = program.Take();
  CHECK_EQ(late.size(), 1u);
  CHECK_EQ(late[0].beats.count, 102u);
  // Then the grid goes on.
  System::Run(kPeriod);
  CHECK_EQ(program.notified, 2);
  CHECK_EQ(program.Take()[0].beats.count, 1u);
  program.tickers.Remove(id);
}

TEST(BeatsOfManyTickersAreFetchedInPieces) {
  Script script;
  Program program;
  uint32_t ids[3];
  for (uint32_t& each : ids) each = program.Every(kPeriod);
  CHECK_EQ(program.sampler->Stats().tickers, 3u);
  System::Run(kPeriod);
  CHECK_EQ(program.notified, 1);
  CHECK_EQ(program.Take(2).size(), 2u);
  const auto rest = program.Take(2);
  CHECK_EQ(rest.size(), 1u);
  CHECK_EQ(rest[0].id, ids[2]);
  // One that is removed with a delivery under way is not fetched.
  System::Run(kPeriod);
  program.tickers.Remove(ids[0]);
  const auto left = program.Take();
  CHECK_EQ(left.size(), 2u);
  CHECK_EQ(left[0].id, ids[1]);
  program.tickers.Remove(ids[1]);
  program.tickers.Remove(ids[2]);
  // Numbers that name none change nothing.
  program.tickers.Remove(ids[2]);
  program.tickers.SetPeriod(ids[2], kSecond);
  program.tickers.Pause(ids[2]);
  program.tickers.Resume(ids[2], 0);
  program.tickers.Hold(ids[2]);
  CHECK_EQ(program.tickers.Release(ids[2]).count, 0u);
}

TEST(BeatsFollowAPeriodThatChanges) {
  Script script;
  Program program;
  const uint32_t id = program.Every(10 * kSecond);
  System::Run(kPeriod);
  program.tickers.SetPeriod(id, kPeriod);
  System::Run(0);
  CHECK_EQ(program.notified, 1);
  CHECK_EQ(program.Take().size(), 1u);
  System::Run(kPeriod);
  CHECK_EQ(program.notified, 2);
  // A period of nothing is refused.
  program.tickers.SetPeriod(id, 0);
  CHECK_EQ(program.Take()[0].beats.count, 1u);
  System::Run(kPeriod);
  CHECK_EQ(program.Take()[0].beats.count, 1u);
  program.tickers.Remove(id);
  CHECK_EQ(program.Every(0), 0u);
}

TEST(BeatsPauseAndComeBackNoEarlierThanAsked) {
  Script script;
  Program program;
  const uint32_t id = program.Every(kPeriod);
  System::Run(kPeriod);
  program.Take();
  program.tickers.Pause(id);
  const int before = program.notified;
  System::Run(100 * kPeriod);
  CHECK_EQ(program.notified, before);
  program.tickers.Resume(id, 3 * kPeriod + kMillisecond);
  System::Run(3 * kPeriod);
  CHECK_EQ(program.notified, before);
  System::Run(kMillisecond);
  CHECK_EQ(program.notified, before + 1);
  CHECK_EQ(program.Take()[0].beats.count, 1u);
  program.tickers.Remove(id);
}

TEST(BeatsThatAreHeldComeWithTheRelease) {
  Script script;
  Program program;
  const uint32_t id = program.Every(kPeriod);
  System::Run(kPeriod);
  program.Take();
  program.tickers.Hold(id);
  System::Run(5 * kPeriod);
  CHECK_EQ(program.notified, 1);
  const Beats held = program.tickers.Release(id);
  CHECK_EQ(held.count, 5u);
  System::Run(kPeriod);
  CHECK_EQ(program.notified, 2);
  CHECK_EQ(program.Take()[0].beats.count, 1u);
  program.tickers.Remove(id);
}

TEST(BeatsOfAnEnvironmentEndWithIt) {
  Script script;
  Program stays;
  stays.Every(kPeriod);
  {
    Program ends;
    ends.Every(kPeriod);
    ends.Every(kPeriod);
    System::Run(kPeriod);
    CHECK_EQ(ends.notified, 1);
  }
  CHECK_EQ(stays.sampler->Stats().tickers, 1u);
  CHECK_EQ(stays.Take().size(), 1u);
  System::Run(kPeriod);
  CHECK_EQ(stays.Take().size(), 1u);
}

TEST(BeatsNeedAThread) {
  Script script;
  Program program;
  System::refuse_threads = true;
  CHECK_EQ(program.Every(kPeriod), 0u);
  CHECK(program.why.failed());
  System::refuse_threads = false;
  Failure why;
  CHECK_EQ(program.sampler->recorders().Add(&program.environment, 0, 1, nullptr, 0, &why), 0u);
  CHECK_EQ(program.sampler->recorders().Add(&program.environment, kPeriod, 0, nullptr, 0, &why), 0u);
  // A block has 65,536 rows at most.
  CHECK_EQ(program.sampler->recorders().Add(&program.environment, kPeriod, (1 << 16) + 1, nullptr, 0, &why), 0u);
  const uint32_t most = program.sampler->recorders().Add(&program.environment, kPeriod, 1 << 16, nullptr, 0, &why);
  CHECK(most != 0);
  program.sampler->recorders().Remove(most);
}

TEST(BeatsThatAreLateMoveTheGridOnlyIfTheyWereMissed) {
  Script script;
  Program program;
  const uint32_t id = program.Every(kPeriod, true);
  System::Run(kPeriod);
  System::Run(kPeriod / 2 - 1);
  CHECK_EQ(program.Take()[0].beats.count, 1u);
  // Only late: the next beat is where it was.
  System::Run(kPeriod / 2);
  CHECK_EQ(program.notified, 1);
  System::Run(1);
  CHECK_EQ(program.notified, 2);
  System::Run(kPeriod / 2);
  CHECK_EQ(program.Take()[0].beats.count, 1u);
  // Half a period late: a whole period from now on.
  System::Run(kPeriod - 1);
  CHECK_EQ(program.notified, 2);
  System::Run(1);
  CHECK_EQ(program.notified, 3);
  program.tickers.Remove(id);
}

TEST(RowsAreRecordedOnTheBeat) {
  Script script;
  Program program;
  System::Of(Metric::kDisk).level = 7;
  const uint32_t series = program.Subscribe(Metric::kDisk);
  CHECK(program.sampler->SetPeriod(series, kPeriod, &program.why));
  const uint32_t columns[] = {series, 999};
  Recorders& recorders = program.sampler->recorders();
  const uint64_t begun = System::now();
  const uint32_t id = recorders.Add(&program.environment, kPeriod, 3, columns, 2, &program.why);
  CHECK(id != 0);
  double out[9] = {};
  // Too little room, and a recorder that is not there.
  CHECK_EQ(recorders.Take(id, 5, out, 8), -1);
  CHECK_EQ(recorders.Take(id + 1, 5, out, 9), -1);
  CHECK_EQ(recorders.Take(id, 5, out, 9), -1);
  System::Run(2 * kPeriod);
  CHECK_EQ(program.notified, 0);
  System::Run(kPeriod);
  // The request is answered once there is a block.
  CHECK_EQ(program.notified, 1);
  const News news = program.Fetch();
  CHECK_EQ(news.answers.size(), 1u);
  CHECK_EQ(news.answers[0], 5u);
  // There has to be room for the times, too.
  CHECK_EQ(recorders.Take(id, 6, out, 8), -1);
  double roomy[20] = {};
  CHECK_EQ(recorders.Take(id, 6, roomy, 20), 0);
  std::copy_n(roomy, 9, out);
  for (uint32_t row = 0; row < 3; row++) {
    CHECK_NEAR(out[row], ToMilliseconds(begun + (row + 1) * kPeriod), 1e-9);
    CHECK_NEAR(out[3 + row], 7, 0);
    CHECK(std::isnan(out[6 + row]));
  }
  // Each request is answered once; without one, nothing is.
  System::Run(3 * kPeriod);
  CHECK_EQ(program.notified, 1);
  CHECK_EQ(recorders.Take(id, 6, out, 9), 0);
  // Room for four blocks, of which the oldest rows are lost.
  System::Run(14 * kPeriod);
  CHECK_EQ(recorders.Take(id, 6, out, 9), 2);
  CHECK_NEAR(out[0], ToMilliseconds(begun + 9 * kPeriod), 1e-9);
  recorders.Remove(id);
  CHECK_EQ(recorders.Take(id, 6, out, 9), -1);
  program.sampler->Unsubscribe(series);
}

TEST(RowsOfAValueThatIsLostAreNotANumber) {
  Script script;
  Program program;
  System::Of(Metric::kDisk).failing = true;
  const uint32_t series = program.Subscribe(Metric::kDisk);
  const uint32_t id = program.sampler->recorders().Add(&program.environment, kPeriod, 1, &series, 1, &program.why);
  System::Run(kPeriod);
  double out[2] = {};
  CHECK_EQ(program.sampler->recorders().Take(id, 0, out, 2), 0);
  CHECK(std::isnan(out[1]));
  program.sampler->recorders().Remove(id);
  program.sampler->Unsubscribe(series);
}

TEST(RowsThatComeLateAreCountedAsMissed) {
  Script script;
  Program stays;
  const uint32_t id = stays.sampler->recorders().Add(&stays.environment, kPeriod, 1, nullptr, 0, &stays.why);
  {
    Program ends;
    CHECK(ends.sampler->recorders().Add(&ends.environment, kPeriod, 1, nullptr, 0, &ends.why) != 0);
    System::Run(kPeriod);
  }
  double out[1] = {};
  CHECK_EQ(stays.sampler->recorders().Take(id, 0, out, 1), 0);
  System::StandStill(4 * kPeriod, false);
  CHECK_EQ(stays.sampler->recorders().Take(id, 0, out, 1), 3);
  CHECK_EQ(stays.sampler->recorders().Take(id, 0, out, 1), -1);
}

TEST(BeatsThatAreFarKeepNoThreadOnceTheyAreGone) {
  Script script;
  Program program;
  const uint32_t ticker = program.Every(3600 * kSecond);
  System::Run(kSecond);
  CHECK_EQ(System::threads(), 1);
  program.tickers.Remove(ticker);
  System::Run(kSecond);
  CHECK_EQ(System::threads(), 0);
  Recorders& recorders = program.sampler->recorders();
  const uint32_t first = recorders.Add(&program.environment, 3600 * kSecond, 1, nullptr, 0, &program.why);
  const uint32_t second = recorders.Add(&program.environment, 3600 * kSecond, 1, nullptr, 0, &program.why);
  System::Run(kSecond);
  recorders.Remove(first);
  System::Run(kSecond);
  CHECK_EQ(System::threads(), 1);
  recorders.Remove(second);
  System::Run(kSecond);
  CHECK_EQ(System::threads(), 0);
  {
    Program ends;
    ends.Every(3600 * kSecond);
    System::Run(kSecond);
  }
  System::Run(kSecond);
  CHECK_EQ(System::threads(), 0);
}

TEST(BeatsInRealTimeAreAskedForAsLongAsOneTickerWantsThem) {
  Script script;
  Program program;
  const uint32_t plain = program.Every(kPeriod);
  System::Run(kPeriod);
  CHECK(!System::real_time);
  const auto obtained = [&program] { return program.sampler->Stats().punctuality.real_time; };
  CHECK(!obtained());
  const uint32_t strict = program.tickers.Add(&program.environment, TickerSpec{kPeriod, false, true}, &program.why);
  System::Run(kPeriod);
  CHECK(System::real_time);
  CHECK(obtained());
  program.tickers.Remove(strict);
  System::Run(kPeriod);
  CHECK(!System::real_time);
  CHECK(!obtained());
  program.tickers.Remove(plain);
}

TEST(BeatsThatMeetAReadAreExact) {
  Script script;
  Program program;
  const uint32_t series = SubscribeEvery(&program, Metric::kDisk, kSecond);
  System::Settle();
  const uint64_t due = System::deadline();
  CHECK(!System::exact());
  const uint32_t ticker = program.Every(due - System::now());
  System::Settle();
  CHECK_EQ(System::deadline(), due);
  CHECK(System::exact());
  program.tickers.Remove(ticker);
  program.sampler->Unsubscribe(series);
}

TEST(RowsOfAFlightLogAreWrittenWithoutAnotherReasonToWake) {
  Script script;
  Program program;
  const uint64_t begun = System::now();
  const uint32_t id = RecordEvery(&program, kSecond);
  CHECK(id != 0);
  System::Run(3 * kSecond);
  CHECK(RowsSince(begun) == std::vector<uint64_t>({0, kSecond, 2 * kSecond, 3 * kSecond}));
  // A read far away does not put them off.
  const uint32_t series = SubscribeEvery(&program, Metric::kDisk, 60 * kSecond);
  System::Run(3 * kSecond);
  CHECK_EQ(RowsSince(begun).size(), 7u);
  program.sampler->flight_logs().Remove(id);
  System::Run(10 * kSecond);
  CHECK_EQ(RowsSince(begun).size(), 7u);
  program.sampler->Unsubscribe(series);
}

TEST(RowsOfAFlightLogCopyTheOperationsThatJavaScriptKeeps) {
  Script script;
  Program program;
  LogHeader header = {};
  header.states_offset = 512;
  header.states = 1;
  header.operations_offset = 768;
  header.operations = 1;
  header.rows_offset = kRows;
  header.rows = 100;
  header.row_size = 40;
  const uint32_t id =
      program.sampler->flight_logs().Create(&program.environment, "log", reinterpret_cast<uint8_t*>(&header),
                                            sizeof(header), kSecond, nullptr, 0, false, &program.why);
  CHECK(id != 0);
  const auto copies = [] {
    int count = 0;
    for (const auto& each : System::writes()) count += each.offset == 768;
    return count;
  };
  System::Run(2 * kSecond);
  CHECK_EQ(copies(), 0);
  // One name is in use.
  uint32_t table[(64 + 32) / 4] = {1, 0, 1};
  program.sampler->AttachOperations(&program.environment, table, sizeof(table));
  System::Run(2 * kSecond);
  CHECK_EQ(copies(), 1);
  // They are written again when they have changed.
  table[0]++;
  System::Run(2 * kSecond);
  CHECK_EQ(copies(), 2);
  program.sampler->flight_logs().Remove(id);
}

TEST(RowsOfAFlightLogWaitForWhatWakesTheThread) {
  Script script;
  Program program;
  const uint32_t ticker = program.Every(700 * kMillisecond);
  System::Settle();
  const uint64_t begun = System::now();
  const uint32_t id = RecordEvery(&program, kSecond);
  System::Settle();
  const uint64_t wakeups = program.sampler->Stats().wakeups;
  for (int beat = 0; beat < 10; beat++) {
    System::Run(700 * kMillisecond);
    CHECK_EQ(program.Take().size(), 1u);
  }
  CHECK_EQ(program.sampler->Stats().wakeups - wakeups, 10u);
  // Each at the first beat after it was due.
  const auto rows = RowsSince(begun);
  CHECK_EQ(rows.size(), 6u);
  for (const uint64_t each : rows) CHECK_EQ(each % (700 * kMillisecond), 0u);
  program.tickers.Remove(ticker);
  program.sampler->flight_logs().Remove(id);
}

TEST(RowsOnASlowDiskHoldUpNothing) {
  Script script;
  Program program;
  const uint64_t begun = System::now();
  const uint32_t id = RecordEvery(&program, kPeriod, true);
  System::Settle();
  CHECK_EQ(RowsSince(begun).size(), 1u);
  // The helper ends when it has nothing to write.
  CHECK_EQ(System::threads(), 1);
  System::CloseDoor();
  const uint32_t ticker = program.Every(kPeriod);
  System::Run(20 * kSecond);
  CHECK_EQ(program.Take()[0].beats.count, 2000u);
  CHECK_EQ(System::waiting(), 1);
  CHECK_EQ(RowsSince(begun).size(), 1u);
  // One is on its way, and so many wait; the others are dropped.
  System::OpenDoor();
  System::Settle();
  CHECK_EQ(RowsSince(begun).size(), 1u + 1u + 1024u);
  System::Run(kPeriod);
  CHECK_EQ(RowsSince(begun).size(), 1027u);
  program.tickers.Remove(ticker);
  // One that is removed while its disk does not answer is written to its end, and freed when it answers.
  System::CloseDoor();
  System::Run(3 * kPeriod);
  program.sampler->flight_logs().Remove(id);
  CHECK_EQ(RowsSince(begun).size(), 1029u);
  CHECK_EQ(System::waiting(), 1);
  // A reader need not wait for that disk.
  CHECK_EQ(System::locked_files(), 0);
  CHECK_EQ(System::files(), 1);
  System::OpenDoor();
  System::Settle();
  CHECK_EQ(RowsSince(begun).size(), 1030u);
  CHECK_EQ(System::files(), 0);
}

TEST(RowsAreForcedToASlowDiskAtABreach) {
  for (const bool slow : {false, true}) {
    Script script;
    Program program;
    // Neither a row nor an entry would have them written.
    const uint32_t id = RecordEvery(&program, 3600 * kSecond, slow, 0);
    System::Of(Metric::kDisk).level = 10;
    program.Guard(World::Above(program.Subscribe(Metric::kDisk), 80));
    System::Run(kSecond);
    CHECK_EQ(System::flushes, 0);
    System::Of(Metric::kDisk).level = 95;
    System::Run(kSecond);
    CHECK(program.state() == LimitState::kBreached);
    CHECK_EQ(System::flushes, slow ? 1 : 0);
    System::Of(Metric::kDisk).level = 10;
    System::Run(kSecond);
    CHECK_EQ(System::flushes, slow ? 1 : 0);
    program.sampler->flight_logs().Remove(id);
  }
}

TEST(RowsAreTheSameOnASlowDisk) {
  std::string rows[2];
  for (const bool slow : {false, true}) {
    Script script;
    Program program;
    const uint32_t id = RecordEvery(&program, kSecond, slow);
    System::Settle();
    rows[slow] = LastAt(kRows);
    CHECK_EQ(rows[slow].size(), 40u);
    double wall;
    memcpy(&wall, rows[slow].data() + 16, sizeof(wall));
    CHECK_NEAR(wall, ToMilliseconds(System::now()), 0);
    uint32_t sequence;
    memcpy(&sequence, rows[slow].data() + 4, sizeof(sequence));
    CHECK_EQ(sequence, 1u);
    program.sampler->flight_logs().Remove(id);
  }
}

TEST(StatesOnASlowDiskAreWrittenAtOnceAndEntriesInTurn) {
  Script script;
  Program program;
  FlightLogs& logs = program.sampler->flight_logs();
  const uint32_t id = RecordEvery(&program, kSecond, true);
  System::CloseDoor();
  System::Run(kSecond);
  CHECK_EQ(System::waiting(), 1);
  logs.Add(id, LogRing::kEntries, LogFact{LogKind::kClear, 3, 0, 0}, "", 0);
  CHECK(LastAt(kEntries).empty());
  logs.Add(id, LogRing::kStates, LogFact{LogKind::kRunning, 0, 0, 0}, "", 0);
  // What was to be written before it is, too.
  CHECK(!LastAt(kEntries).empty());
  const std::string state = LastAt(kStates);
  CHECK_EQ(state.size(), sizeof(LogNote));
  LogNote note = {};
  memcpy(&note, state.data(), state.size());
  CHECK(note.kind == static_cast<uint8_t>(LogKind::kRunning));
  CHECK_NEAR(note.at, ToMilliseconds(System::now()), 0);
  CHECK_NEAR(note.wall, ToMilliseconds(System::now()), 0);
  CHECK_EQ(note.parts, 1);
  System::OpenDoor();
  System::Settle();
  logs.Remove(id);
}

TEST(EntriesOfAGuardAreWrittenAtItsEdges) {
  Script script;
  Program program;
  const uint32_t id = RecordEvery(&program, kSecond);
  const auto entries = [] {
    int count = 0;
    for (const auto& each : System::writes()) count += each.offset == kEntries;
    return count;
  };
  program.Guard(World::Above(program.Subscribe(Metric::kDisk), 80, kSecond));
  System::Of(Metric::kDisk).level = 95;
  System::Run(kSecond / 2);
  CHECK(program.state() == LimitState::kPending);
  CHECK_EQ(entries(), 0);
  System::Run(2 * kSecond);
  CHECK(program.state() == LimitState::kBreached);
  CHECK_EQ(entries(), 1);
  System::Of(Metric::kDisk).level = 10;
  System::Run(kSecond);
  CHECK_EQ(entries(), 2);
  program.sampler->flight_logs().Remove(id);
}

TEST(RowsThatCannotBeWrittenSayWhy) {
  for (const bool slow : {false, true}) {
    Script script;
    Program program;
    FlightLogs& logs = program.sampler->flight_logs();
    const uint32_t id = RecordEvery(&program, kSecond, slow);
    System::Run(kSecond);
    CHECK(!logs.FailureOf(id).failed());
    System::refuse_writes = true;
    System::Run(kSecond);
    CHECK_EQ(std::strcmp(logs.FailureOf(id).text, "scripted refusal"), 0);
    CHECK(!logs.FailureOf(id + 1).failed());
    // What is lost is lost, although later ones are written.
    System::refuse_writes = false;
    System::Run(kSecond);
    CHECK(logs.FailureOf(id).failed());
    logs.Remove(id);
    CHECK(!logs.FailureOf(id).failed());
  }
}

TEST(RowsNeedAThread) {
  Script script;
  Program program;
  System::refuse_threads = true;
  CHECK_EQ(RecordEvery(&program, kSecond), 0u);
  CHECK(program.why.failed());
  CHECK(program.environment.first_log == nullptr);
}

TEST(SignalsThatEndNothingLeaveFlightLogsRemovable) {
  Script script;
  Program program;
  FlightLogs& logs = program.sampler->flight_logs();
  const uint32_t id = RecordEvery(&program, kSecond);
  // Numbers that name none change nothing.
  logs.NoteSignals(id + 1);
  logs.Add(id + 1, LogRing::kStates, LogFact{LogKind::kRunning, 0, 0, 0}, "", 0);
  System::Signal(15, "SIGTERM");
  CHECK(LastAt(kStates).empty());
  logs.NoteSignals(id);
  System::Signal(15, "SIGTERM");
  LogNote note = {};
  const std::string state = LastAt(kStates);
  CHECK_EQ(state.size(), sizeof(note));
  memcpy(&note, state.data(), state.size());
  CHECK(note.kind == static_cast<uint8_t>(LogKind::kSignal));
  CHECK_NEAR(note.at, ToMilliseconds(System::now()), 0);
  CHECK_EQ(std::strcmp(note.text, "SIGTERM"), 0);
  // No handler is at work any more.
  logs.Remove(id);
  CHECK_EQ(System::files(), 0);
}

TEST(WatchdogIsFedBesideReadsAndRows) {
  Script script;
  Program program;
  const uint32_t series = SubscribeEvery(&program, Metric::kDisk, kSecond);
  const uint64_t begun = System::now();
  const uint32_t id = RecordEvery(&program, 3 * kSecond);
  CHECK_EQ(program.sampler->watchdog().Open(&program.environment, "socket", 6), 0);
  CHECK(program.sampler->watchdog().Start(5 * kSecond, true, -1, &program.why));
  System::Settle();
  const int reads = System::ReadsOf(Metric::kDisk);
  System::Run(20 * kSecond);
  CHECK_EQ(System::notices().size(), 5u);
  for (size_t i = 0; i < System::notices().size(); i++) CHECK_EQ(System::notices()[i], begun + i * 5 * kSecond);
  CHECK_EQ(System::ReadsOf(Metric::kDisk) - reads, 20);
  CHECK_EQ(RowsSince(begun).size(), 7u);
  // The watchdog alone keeps the thread, and wakes it.
  program.sampler->Unsubscribe(series);
  program.sampler->flight_logs().Remove(id);
  System::Run(20 * kSecond);
  CHECK_EQ(System::notices().size(), 9u);
  program.sampler->watchdog().Close();
}

TEST(WatchdogIsFedInThePassThatEndsABreach) {
  Script script;
  Program program;
  Watchdog& watchdog = program.sampler->watchdog();
  CHECK_EQ(watchdog.Open(&program.environment, "socket", 6), 0);
  CHECK(watchdog.Start(60 * kSecond, true, -1, &program.why));
  const LimitRequest limit = World::Above(program.Subscribe(Metric::kDisk), 80);
  GuardSpec spec;
  spec.within = 100 * kMillisecond;
  spec.flag = program.flags++;
  spec.reaction = watchdog.MakeReaction();
  const uint32_t guard = program.sampler->AddGuard(&program.environment, spec, &limit, 1, &program.why);
  System::Of(Metric::kDisk).level = 95;
  System::Run(kSecond);
  CHECK(program.state() == LimitState::kBreached);
  const size_t notices = System::notices().size();
  System::Of(Metric::kDisk).level = 10;
  // The thread does that while it is awake, so nothing wakes it.
  const int wakes = System::wakes();
  System::Run(kSecond);
  CHECK(program.state() == LimitState::kClear);
  CHECK_EQ(System::notices().size(), notices + 1);
  CHECK_EQ(System::wakes(), wakes);
  program.sampler->RemoveGuard(guard);
  watchdog.Close();
}
