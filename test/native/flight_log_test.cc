// Flight logs: the bytes that they write to a real file, with a simulated clock.
#include "sampler/flight_log.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "check.h"
#include "sampler/environment.h"
#include "sampler/feed.h"
#include "util/crc32.h"

using namespace tripline;

namespace {

constexpr uint64_t kStart = 1000 * kSecond;

class NoHost : public Host {
 public:
  Mutex* lock() override { return &lock_; }
  bool EnsureThread(Failure*) override { return true; }
  void WakeBy(uint64_t) override { wakes++; }
  Feed* FeedOf(uint32_t id) override {
    feeds_asked++;
    return id == 1 ? feed : nullptr;
  }
  const Guard* GuardOf(uint32_t id) override { return id == 2 ? guard : nullptr; }

  const Guard* guard = nullptr;
  Feed* feed = nullptr;
  uint32_t wakes = 0;
  uint32_t feeds_asked = 0;

 private:
  Mutex lock_;
};

LogHeader Header() {
  LogHeader header = {};
  header.states_offset = 128;
  header.states = 2;
  header.entries_offset = header.states_offset + 2 * sizeof(LogNote);
  header.entries = 4;
  header.lines_offset = header.entries_offset + 4 * sizeof(LogNote);
  header.operations_offset = header.lines_offset;
  header.operations = 4;
  header.names = 1;
  header.rows_offset = header.operations_offset + 64 + 4 * 32 + 64;
  header.rows = 3;
  header.guards = 3;
  header.row_operations = 2;
  header.columns = 1;
  header.row_size = 48 + 2 * 16 + 8 + 8;
  header.file_size = header.rows_offset + 3 * header.row_size;
  return header;
}

struct Fixture {
  Fixture() : header(Header()), log(&environment, &host, header, false) {
    CHECK(mkdtemp(folder) != nullptr);
    snprintf(path, sizeof(path), "%s/log", folder);
    std::unique_ptr<uint8_t[]> image(new uint8_t[header.file_size]());
    CHECK(log.file.Create(path, image.get(), header.file_size, &log.failure));
    host.feed = &feed;
    log.subscriptions.push_back(1);
  }
  ~Fixture() {
    remove(path);
    remove(folder);
  }

  // Reads `size` bytes of the file, and checks their checksum.
  bool Read(uint64_t offset, void* out, size_t size) { return Read(path, offset, out, size); }
  static bool Read(const char* of, uint64_t offset, void* out, size_t size) {
    FILE* file = fopen(of, "rb");
    if (file == nullptr) return false;
    const bool read = fseek(file, static_cast<long>(offset), SEEK_SET) == 0 && fread(out, size, 1, file) == 1;
    fclose(file);
    uint32_t checksum;
    memcpy(&checksum, out, sizeof(checksum));
    return read && checksum == Crc32(static_cast<uint8_t*>(out) + 4, size - 4);
  }
  LogNote Entry(uint32_t slot) {
    LogNote note = {};
    if (!Read(header.entries_offset + slot * sizeof(LogNote), &note, sizeof(note))) note.sequence = 0;
    return note;
  }

  static void Ignore(void*) {}
  NoHost host;
  Environment environment{Ignore, nullptr};
  Feed feed{Metric::kMemory, 0, nullptr};
  LogHeader header;
  FlightLog log;
  char folder[32] = "/tmp/tripline-log-XXXXXX";
  char path[64];
};

// The table of operations as JavaScript keeps it.
struct OperationSlot {
  uint32_t checksum;
  uint32_t generation;
  double started;
  double progress;
  uint32_t number;
  uint16_t name;
  uint16_t state;
};
struct OperationTable {
  uint32_t head[16];
  OperationSlot slots[4];
  uint8_t names[64];
};

uint32_t WordAt(const uint8_t* bytes, size_t at) {
  uint32_t word;
  memcpy(&word, bytes + at, sizeof(word));
  return word;
}

}  // namespace

TEST(Crc32IsThatOfZlib) {
  CHECK_EQ(Crc32("123456789", 9), 0xcbf43926u);
  CHECK_EQ(Crc32("", 0), 0u);
}

TEST(FlightLogSplitsLongTextsAndKeepsTheLastNotes) {
  Fixture t;
  char text[LogNote::kText + 10];
  memset(text, 'x', sizeof(text));
  memcpy(text + LogNote::kText, "the second", 10);
  t.log.Add(LogRing::kEntries, LogFact{LogKind::kClear, 7, 1, 2}, "one", 3, kStart);
  t.log.Add(LogRing::kEntries, LogFact{LogKind::kClear, 8, 1, 2}, text, sizeof(text), kStart);
  const LogNote first = t.Entry(1);
  const LogNote second = t.Entry(2);
  CHECK_EQ(first.parts, 2);
  CHECK_EQ(first.length, LogNote::kText);
  CHECK_EQ(second.part, 1);
  CHECK_EQ(second.length, 10);
  CHECK_EQ(memcmp(second.text, "the second", 11), 0);
  CHECK_EQ(second.number, 8u);
  CHECK_NEAR(second.at, ToMilliseconds(kStart), 1e-9);
  // The fifth note replaces the first one.
  t.log.Add(LogRing::kEntries, LogFact{LogKind::kClear, 9, 1, 2}, "", 0, kStart);
  t.log.Add(LogRing::kEntries, LogFact{LogKind::kClear, 10, 1, 2}, "", 0, kStart);
  CHECK_EQ(t.Entry(0).sequence, 5u);
  CHECK_EQ(t.Entry(0).number, 10u);
  CHECK_EQ(t.Entry(0).text[0], 0);
  // A note without a text is one, too.
  CHECK_EQ(t.Entry(0).part, 0);
  CHECK_EQ(t.Entry(0).parts, 1);
}

TEST(FlightLogCutsATextThatHasNoRoom) {
  Fixture t;
  char text[LogNote::kText * LogNote::kMostParts + 1];
  memset(text, 'x', sizeof(text));
  t.log.Add(LogRing::kEntries, LogFact{LogKind::kClear, 7, 1, 2}, text, sizeof(text), kStart);
  const LogNote last = t.Entry((LogNote::kMostParts - 1) % 4);
  CHECK_EQ(last.sequence, LogNote::kMostParts);
  CHECK_EQ(last.parts, LogNote::kMostParts);
  CHECK_EQ(last.length, LogNote::kText);
}

TEST(FlightLogNotesTheEdgesOfAGuard) {
  Fixture t;
  Guard guard(&t.environment, GuardSpec(), 2);
  guard.id = 9;
  GuardLimit& other = guard.limit(0);
  GuardLimit& guilty = guard.limit(1);
  other.limit.failed_reads = guilty.limit.failed_reads = 0;
  guilty.feed = &t.feed;
  guilty.limit.spec.enter = 90;
  guilty.evidence.value = 95;
  const auto note = [&](LimitState state, uint32_t slot) {
    guilty.limit.state = state;
    CHECK(guard.Judge(kStart));
    t.log.NoteEdge(guard, kStart + slot * kSecond);
    const LogNote entry = t.Entry(slot);
    CHECK_EQ(entry.sequence, slot + 1);
    CHECK_EQ(entry.number, 9u);
    CHECK_NEAR(entry.at, ToMilliseconds(kStart + slot * kSecond), 1e-9);
    return entry;
  };
  // By the limit that is crossed, not by the first.
  const LogNote breach = note(LimitState::kBreached, 0);
  CHECK_EQ(breach.kind, static_cast<uint8_t>(LogKind::kBreach));
  CHECK_NEAR(breach.a, 95, 0);
  CHECK_NEAR(breach.b, 90, 0);
  CHECK_EQ(breach.length, 6);
  CHECK_EQ(strcmp(breach.text, "memory"), 0);
  const LogNote clear = note(LimitState::kClear, 1);
  CHECK_EQ(clear.kind, static_cast<uint8_t>(LogKind::kClear));
  CHECK(clear.a != clear.a);
  CHECK_EQ(clear.length, 0);
  guilty.limit.failed_reads = 100;
  const LogNote lost = note(LimitState::kUnavailable, 2);
  CHECK_EQ(lost.kind, static_cast<uint8_t>(LogKind::kLost));
  CHECK(lost.b != lost.b);
  guilty.limit.failed_reads = 0;
  // A condition has no metric.
  guilty.feed = nullptr;
  CHECK_EQ(note(LimitState::kBreached, 3).length, 0);
}

TEST(FlightLogOfAnEnvironmentThatIsGoneSaysSoOnce) {
  Fixture t;
  FlightLogs logs(&t.host);
  std::unique_ptr<uint8_t[]> image(new uint8_t[t.header.file_size]());
  memcpy(image.get(), &t.header, sizeof(t.header));
  const uint32_t column = 1;
  char paths[2][80];
  uint32_t ids[2];
  Failure why;
  for (int i = 0; i < 2; i++) {
    snprintf(paths[i], sizeof(paths[i]), "%s/gone-%d", t.folder, i);
    ids[i] = logs.Create(&t.environment, paths[i], image.get(), t.header.file_size, kSecond, &column, 1, false, &why);
    logs.Add(ids[i], LogRing::kStates, LogFact{LogKind::kRunning, 0, 0, 0}, "", 0);
  }
  // Whatever else it notes, the first one has not said how it ended...
  logs.Add(ids[0], LogRing::kEntries, LogFact{LogKind::kClear, 0, 0, 0}, "", 0);
  // ...and the second one has.
  logs.Add(ids[1], LogRing::kStates, LogFact{LogKind::kClosed, 0, 0, 0}, "", 0);
  logs.RemoveEnvironment(&t.environment, kStart);
  CHECK(logs.empty());
  CHECK(t.environment.first_log == nullptr);
  for (uint32_t i = 0; i < 2; i++) {
    LogNote note;
    CHECK(t.Read(paths[i], t.header.states_offset + sizeof(note), &note, sizeof(note)));
    CHECK_EQ(note.sequence, 2u);
    CHECK_EQ(note.kind, static_cast<uint8_t>(LogKind::kClosed));
    CHECK_EQ(note.number, i == 0 ? 1u : 0u);
    CHECK(t.Read(paths[i], t.header.states_offset, &note, sizeof(note)));
    CHECK_EQ(note.sequence, 1u);
    remove(paths[i]);
  }
}

TEST(FlightLogWithoutALineRingWritesNoLines) {
  Fixture t;
  t.log.Add(LogRing::kLines, LogFact{LogKind::kClear, 0, 0, 0}, "secret", 6, kStart);
  CHECK_EQ(t.Entry(0).sequence, 0u);
}

TEST(FlightLogWritesRowsInTurn) {
  Fixture t;
  Guard guard(&t.environment, GuardSpec(), 1);
  t.host.guard = &guard;
  for (int i = 0; i < 4; i++) t.log.WriteRow(kStart + i * kSecond);
  uint8_t row[128] = {};
  CHECK_EQ(t.header.row_size, 96u);
  CHECK(t.Read(t.header.rows_offset, row, t.header.row_size));
  CHECK_EQ(WordAt(row, 4), 4u);
  // The second guard is clear, and there are no others.
  CHECK_EQ(row[40], 0);
  CHECK_EQ(row[41], 1);
  CHECK_EQ(row[42], 0);
  // No value yet.
  CHECK_EQ(row[88], 1);
  CHECK(t.Read(t.header.rows_offset + t.header.row_size, row, t.header.row_size));
  CHECK_EQ(WordAt(row, 4), 2u);
}

TEST(FlightLogRowsWaitForReads) {
  Fixture t;
  t.log.interval = kSecond;
  t.log.next_row = kStart;
  // Nothing else wakes the thread: it has to be called when a row is due.
  CHECK_EQ(t.log.Record(kStart, kNever), kStart + kSecond);
  CHECK_EQ(t.log.Record(kStart + kSecond, kStart + 4 * kSecond), kStart + 2 * kSecond);
  // A read 0.7 s later: the row waits for it, and the next one is due an interval after it.
  const uint64_t read = kStart + 2 * kSecond + 700 * kMillisecond;
  CHECK_EQ(t.log.Record(kStart + 1500 * kMillisecond, read), kNever);
  CHECK_EQ(t.log.Record(read, read + kSecond), kNever);
  CHECK_EQ(t.log.next_row, read + kSecond);
  uint8_t row[128];
  CHECK(t.Read(t.header.rows_offset + 2 * t.header.row_size, row, t.header.row_size));
  CHECK_EQ(WordAt(row, 4), 3u);
  // As early as an eighth of the interval, and no earlier.
  CHECK_EQ(t.log.Record(read + 875 * kMillisecond - 1, read + kSecond), kNever);
  CHECK_EQ(t.log.next_row, read + kSecond);
  CHECK_EQ(t.log.Record(read + 875 * kMillisecond, read + kSecond), kNever);
  CHECK_EQ(t.log.next_row, read + 2 * kSecond);
  t.log.next_row = read + kSecond;
  // Reads ten times as often: rows keep their rate.
  uint64_t now = read;
  for (int i = 0; i < 30; i++) {
    now += 100 * kMillisecond;
    CHECK_EQ(t.log.Record(now, now + 100 * kMillisecond), kNever);
  }
  CHECK_EQ(t.log.next_row, read + 4 * kSecond);
  // A row waits for one interval, and no longer.
  const uint64_t due = t.log.next_row;
  CHECK_EQ(t.log.Record(now, due + kSecond), kNever);
  CHECK_EQ(t.log.Record(now, due + kSecond + 1), due);
}

TEST(FlightLogNotesASignal) {
  Fixture t;
  t.log.Add(LogRing::kStates, LogFact{LogKind::kRunning, 1, 0, 0}, "", 0, kStart);
  t.log.NoteSignal(15, "SIGTERM", kStart + kSecond);
  LogNote note;
  CHECK(t.Read(t.header.states_offset + sizeof(note), &note, sizeof(note)));
  CHECK_EQ(note.sequence, 2u);
  CHECK_EQ(note.kind, 5);
  CHECK_EQ(note.parts, 1);
  CHECK_EQ(note.number, 15u);
  CHECK(note.a != note.a);
  CHECK_EQ(note.length, 7);
  CHECK_EQ(strcmp(note.text, "SIGTERM"), 0);
}

TEST(FlightLogCopiesOperationsAndDescribesTheOldest) {
  OperationTable table = {};
  Fixture t;
  const double now = ToMilliseconds(kStart);
  const auto name = [&t] {
    char read[64] = {};
    FILE* file = fopen(t.path, "rb");
    CHECK_EQ(fseek(file, static_cast<long>(t.header.operations_offset) + 64 + 4 * 32, SEEK_SET), 0);
    CHECK_EQ(fread(read, sizeof(read), 1, file), 1u);
    fclose(file);
    return std::string(read, sizeof(read));
  };
  table.head[0] = 3;
  table.head[1] = 3;
  table.head[2] = 1;
  memset(table.names, 'x', sizeof(table.names));
  table.slots[0] = {0, 2, now - 100, 0.5, 11, 0, 1};
  table.slots[2] = {0, 4, now - 900, 0.25, 12, 0xffff, 2};
  table.slots[3] = {0, 4, now - 500, 0, 13, 0, 0};
  t.environment.operations = &table;
  t.environment.operations_size = sizeof(table);
  t.log.WriteRow(kStart);
  uint8_t row[128];
  CHECK(t.Read(t.header.rows_offset, row, t.header.row_size));
  CHECK_EQ(WordAt(row, 32), 3u);
  CHECK_EQ(WordAt(row, 48), 12u);
  CHECK_EQ(WordAt(row, 52), 0x2ffffu);
  float elapsed;
  memcpy(&elapsed, row + 56, sizeof(elapsed));
  CHECK_NEAR(elapsed, 900, 0.1);
  float progress;
  memcpy(&progress, row + 60, sizeof(progress));
  CHECK_NEAR(progress, 0.25, 0);
  CHECK_EQ(WordAt(row, 64), 11u);
  CHECK(name() == std::string(64, 'x'));
  OperationSlot slot;
  CHECK(t.Read(t.header.operations_offset + 64, &slot, sizeof(slot)));
  CHECK_EQ(slot.number, 11u);
  CHECK_EQ(slot.generation, 2u);
  CHECK_NEAR(slot.progress, 0.5, 0);
  // What a free slot had before says nothing.
  CHECK(t.Read(t.header.operations_offset + 64 + 3 * 32, &slot, sizeof(slot)));
  CHECK_NEAR(slot.started, 0, 0);
  // A slot that was never used is empty, without a checksum.
  CHECK(!t.Read(t.header.operations_offset + 64 + 32, &slot, sizeof(slot)));
  CHECK_EQ(slot.checksum, 0u);
  // Names are copied when there is another one.
  memset(table.names, 'y', sizeof(table.names));
  // The slot that was freed is no longer described.
  table.head[0]++;
  table.slots[2].generation = 6;
  table.slots[2].state = 0;
  t.log.WriteRow(kStart + kSecond);
  CHECK(t.Read(t.header.rows_offset + t.header.row_size, row, t.header.row_size));
  CHECK_EQ(WordAt(row, 48), 11u);
  CHECK_EQ(WordAt(row, 64), 0u);
  CHECK(name() == std::string(64, 'x'));
  table.head[2] = 2;
  t.log.WriteRow(kStart + 2 * kSecond);
  CHECK(name() == std::string(64, 'y'));
}

TEST(FlightLogDescribesOperationsOfTheSameStartInTheOrderOfTheirSlots) {
  OperationTable table = {};
  Fixture t;
  table.head[0] = 1;
  const double now = ToMilliseconds(kStart);
  for (uint32_t i = 0; i < 4; i++) table.slots[i] = {0, 1, now - 100, 0.75, 20 + i, 0, 1};
  // The first of them is younger.
  table.slots[0].started = now - 50;
  t.environment.operations = &table;
  // A table may be larger than the log has room for.
  t.environment.operations_size = sizeof(table) + 100;
  t.log.WriteRow(kStart);
  uint8_t row[128];
  CHECK(t.Read(t.header.rows_offset, row, t.header.row_size));
  CHECK_EQ(WordAt(row, 48), 21u);
  CHECK_EQ(WordAt(row, 64), 22u);
  // The value is unknown, and nothing follows its code.
  CHECK_EQ(WordAt(row, 88), 1u);
  CHECK_EQ(WordAt(row, 92), 0u);
}

TEST(FlightLogCopiesNoTableThatIsTooSmall) {
  OperationTable table = {};
  Fixture t;
  table.head[0] = table.head[1] = 1;
  t.environment.operations = &table;
  t.environment.operations_size = sizeof(table) - 1;
  t.log.WriteRow(kStart);
  uint8_t row[128];
  CHECK(t.Read(t.header.rows_offset, row, t.header.row_size));
  CHECK_EQ(WordAt(row, 32), 0u);
}

TEST(FlightLogWithoutNamesCopiesItsSlotsAndNoMore) {
  // What follows the table looks like a slot in use.
  struct {
    uint32_t head[16];
    OperationSlot slots[5];
  } table = {};
  Fixture t;
  t.header.names = 0;
  FlightLog log(&t.environment, &t.host, t.header, false);
  char path[80];
  snprintf(path, sizeof(path), "%s/nameless", t.folder);
  std::unique_ptr<uint8_t[]> image(new uint8_t[t.header.file_size]());
  CHECK(log.file.Create(path, image.get(), t.header.file_size, &log.failure));
  table.head[0] = 1;
  for (uint32_t i = 0; i < 5; i++) table.slots[i] = {0, 2, 100.0 + i, 0.5, 30 + i, 0, 1};
  t.environment.operations = &table;
  t.environment.operations_size = sizeof(table) - sizeof(OperationSlot);
  log.WriteRow(kStart);
  OperationSlot slot;
  CHECK(t.Read(path, t.header.operations_offset + 64 + 3 * 32, &slot, sizeof(slot)));
  CHECK_EQ(slot.number, 33u);
  CHECK(!t.Read(path, t.header.operations_offset + 64 + 4 * 32, &slot, sizeof(slot)));
  CHECK_EQ(slot.number, 0u);
  // The memory after the copy is that of others.
  std::unique_ptr<uint8_t[]> others(new uint8_t[200000]);
  remove(path);
}

TEST(FlightLogHasNoValueOfASeriesThatIsGone) {
  Fixture t;
  t.log.subscriptions[0] = 2;
  t.log.WriteRow(kStart);
  uint8_t row[128];
  CHECK(t.Read(t.header.rows_offset, row, t.header.row_size));
  CHECK_EQ(t.host.feeds_asked, 1u);
}

TEST(FlightLogHasTheStatesOfAsManyGuardsAsItHasRoomFor) {
  Fixture t;
  Guard guard(&t.environment, GuardSpec(), 1);
  t.host.guard = &guard;
  t.header.guards = 1;
  FlightLog log(&t.environment, &t.host, t.header, false);
  char path[80];
  snprintf(path, sizeof(path), "%s/one-guard", t.folder);
  std::unique_ptr<uint8_t[]> image(new uint8_t[t.header.file_size]());
  CHECK(log.file.Create(path, image.get(), t.header.file_size, &log.failure));
  log.WriteRow(kStart);
  uint8_t row[128];
  CHECK(t.Read(path, t.header.rows_offset, row, t.header.row_size));
  CHECK_EQ(WordAt(row, 40), 0u);
  remove(path);
}

TEST(FlightLogWithoutRoomForOperationsCopiesNone) {
  Fixture t;
  t.header.operations = t.header.names = 0;
  FlightLog log(&t.environment, &t.host, t.header, false);
  Failure why;
  char path[80];
  snprintf(path, sizeof(path), "%s/bare", t.folder);
  std::unique_ptr<uint8_t[]> image(new uint8_t[t.header.file_size]());
  CHECK(log.file.Create(path, image.get(), t.header.file_size, &why));
  const uint32_t table[16] = {3, 1};
  t.environment.operations = table;
  t.environment.operations_size = sizeof(table);
  log.subscriptions.push_back(1);
  log.WriteRow(kStart);
  FILE* file = fopen(path, "rb");
  uint32_t written = 1;
  CHECK_EQ(fseek(file, static_cast<long>(t.header.operations_offset), SEEK_SET), 0);
  CHECK_EQ(fread(&written, sizeof(written), 1, file), 1u);
  CHECK_EQ(written, 0u);
  fclose(file);
  remove(path);
}

TEST(LogFileIsMadeOnceAndReportsFailedWrites) {
  Fixture t;
  LogFile other;
  Failure why;
  CHECK(!other.Create(t.path, "x", 1, &why));
  CHECK(strstr(why.text, "EEXIST") != nullptr);
  LogFile nowhere;
  CHECK(!nowhere.Write(0, "x", 1, &why));
  CHECK(strstr(why.text, "EBADF") != nullptr);
}

TEST(FlightLogsWakeTheThreadWhenTheLastIsRemoved) {
  Fixture t;
  FlightLogs logs(&t.host);
  std::unique_ptr<uint8_t[]> image(new uint8_t[t.header.file_size]());
  memcpy(image.get(), &t.header, sizeof(t.header));
  const uint32_t column = 1;
  uint32_t ids[2];
  char paths[2][80];
  Failure why;
  for (int i = 0; i < 2; i++) {
    snprintf(paths[i], sizeof(paths[i]), "%s/of-all-%d", t.folder, i);
    ids[i] = logs.Create(&t.environment, paths[i], image.get(), t.header.file_size, kSecond, &column, 1, false, &why);
    CHECK(ids[i] != 0);
  }
  CHECK(ids[0] != ids[1]);
  char none[80];
  snprintf(none, sizeof(none), "%s/none", t.folder);
  // Refused: no interval, another number of columns, an image without a header.
  CHECK_EQ(logs.Create(&t.environment, none, image.get(), t.header.file_size, 0, &column, 1, false, &why), 0u);
  CHECK_EQ(logs.Create(&t.environment, none, image.get(), t.header.file_size, kSecond, &column, 0, false, &why), 0u);
  CHECK_EQ(logs.Create(&t.environment, none, image.get(), 8, kSecond, &column, 1, false, &why), 0u);
  // No file is left of them.
  CHECK(access(none, F_OK) != 0);
  remove(none);
  CHECK(!logs.empty());
  logs.Remove(ids[0]);
  CHECK_EQ(t.host.wakes, 0u);
  logs.Remove(ids[0]);
  CHECK_EQ(t.host.wakes, 0u);
  CHECK(t.environment.first_log != nullptr);
  logs.Remove(ids[1]);
  CHECK_EQ(t.host.wakes, 1u);
  CHECK(logs.empty());
  CHECK(t.environment.first_log == nullptr);
  for (const char* each : paths) remove(each);
}

TEST(FlightLogsRefuseAHeaderWhoseCountsDoNotFit) {
  Fixture t;
  FlightLogs logs(&t.host);
  char path[80];
  snprintf(path, sizeof(path), "%s/refused", t.folder);
  const uint32_t column = 1;
  Failure why;
  const auto create = [&](const LogHeader& header) {
    remove(path);
    return logs.Create(&t.environment, path, reinterpret_cast<const uint8_t*>(&header), sizeof(header), kSecond,
                       &column, 1, false, &why);
  };
  LogHeader header = t.header;
  header.row_size += 8;
  CHECK_EQ(create(header), 0u);
  header = t.header;
  header.rows = 0;
  CHECK_EQ(create(header), 0u);
  header = t.header;
  header.states = 0;
  CHECK_EQ(create(header), 0u);
  header = t.header;
  header.columns = 2;
  CHECK_EQ(create(header), 0u);
  CHECK(access(path, F_OK) != 0);
  // Rows of 16 MiB, and not 8 bytes more.
  header = t.header;
  header.row_operations = 0;
  header.row_size = 1 << 24;
  header.guards = header.row_size - 56;
  CHECK(create(header) != 0);
  header.row_size += 8;
  header.guards += 8;
  CHECK_EQ(create(header), 0u);
  CHECK(logs.empty() == false);
  // Nor does a log take the place of another file.
  CHECK(create(t.header) != 0);
  CHECK_EQ(logs.Create(&t.environment, path, reinterpret_cast<const uint8_t*>(&t.header), sizeof(t.header), kSecond,
                       &column, 1, false, &why),
           0u);
  CHECK(strstr(why.text, "EEXIST") != nullptr);
  logs.RemoveEnvironment(&t.environment, kStart);
  remove(path);
}

TEST(FlightLogsOfOneProcessMeetInOneWake) {
  Fixture t;
  FlightLogs logs(&t.host);
  const uint32_t columns[] = {1, 1};
  char paths[2][80];
  Failure why;
  const uint64_t intervals[] = {kSecond, 900 * kMillisecond};
  for (int i = 0; i < 2; i++) {
    snprintf(paths[i], sizeof(paths[i]), "%s/together-%d", t.folder, i);
    CHECK(logs.Create(&t.environment, paths[i], reinterpret_cast<const uint8_t*>(&t.header), sizeof(t.header),
                      intervals[i], columns, 1, false, &why) != 0);
  }
  // The first rows are overdue. The next row of the second log waits for that of the first.
  const uint64_t now = MonotonicNow() + 10 * kSecond;
  CHECK_EQ(logs.Record(now, kNever), now + kSecond);
  // One column each.
  CHECK_EQ(t.host.feeds_asked, 2u);
  CHECK_EQ(logs.Record(now, now + 500 * kMillisecond), kNever);
  logs.RemoveEnvironment(&t.environment, now);
  for (const char* each : paths) remove(each);
}

TEST(FlightLogNotesTheStackOfABlockOnce) {
  Fixture t;
  int asked = 0;
  t.environment.stack = std::make_unique<BlockedStack>([](void* count) { ++*static_cast<int*>(count); }, &asked);
  t.environment.heartbeat.number = 5;
  t.environment.heartbeat.sent = kStart;
  // Not blocked for long enough.
  t.log.WriteRow(kStart + 100 * kMillisecond - 1);
  CHECK_EQ(asked, 0);
  // Asked for; it is not there yet.
  t.log.WriteRow(kStart + 100 * kMillisecond);
  CHECK_EQ(asked, 1);
  CHECK_EQ(t.Entry(0).sequence, 0u);
  CHECK(t.environment.stack->Begin()->Add("render", "/app/page.js", 12, 7));
  t.environment.stack->End();
  t.log.WriteRow(kStart + 300 * kMillisecond);
  const LogNote note = t.Entry(1).sequence != 0 ? t.Entry(1) : t.Entry(0);
  CHECK_EQ(static_cast<int>(note.kind), static_cast<int>(LogKind::kBlocked));
  CHECK_NEAR(note.a, 300, 1e-9);
  CHECK(strncmp(note.text, "render (/app/page.js:12:7)", 26) == 0);
  // Once per block.
  const uint32_t sequence = note.sequence;
  t.log.WriteRow(kStart + 400 * kMillisecond);
  for (uint32_t slot = 0; slot < 4; slot++) CHECK(t.Entry(slot).sequence <= sequence);
}

TEST(FlightLogHasASilenceOnlyOfALoopThatIsObserved) {
  Fixture t;
  Environment* environment = &t.environment;
  uint32_t rows = 0;
  const auto silence = [&t, &rows](uint64_t now) {
    uint8_t row[128] = {};
    double written = -1;
    t.log.WriteRow(now);
    const uint32_t place = rows++ % t.header.rows;
    CHECK(t.Read(t.header.rows_offset + place * t.header.row_size, row, t.header.row_size));
    memcpy(&written, row + 24, sizeof(written));
    return written;
  };
  const double unknown = silence(kStart);
  CHECK(unknown != unknown);
  // Looked at, but never asked, because it waits.
  environment->look.at = kStart;
  CHECK_NEAR(silence(kStart + kSecond), 0, 0);
  // Asked, but never looked at: where it has no clock of its idle time.
  environment->look.at = 0;
  environment->heartbeat.sent = kStart + kSecond;
  environment->heartbeat.number++;
  CHECK_NEAR(silence(kStart + 2 * kSecond), 1000, 0);
  // Answered.
  environment->heartbeat.Answer(kStart + 2 * kSecond);
  CHECK_NEAR(silence(kStart + 3 * kSecond), 0, 0);
}

TEST(FlightLogNotesTheLossOfAValueOnce) {
  Fixture t;
  const auto losses = [&t] {
    int count = 0;
    for (uint32_t slot = 0; slot < 4; slot++) count += t.Entry(slot).kind == static_cast<uint8_t>(LogKind::kMissing);
    return count;
  };
  Reading reading;
  reading.state = Reading::kKnown;
  reading.level = 42;
  t.feed.series.Absorb(reading, Failure(), kStart);
  t.log.WriteRow(kStart);
  uint8_t row[128] = {};
  CHECK(t.Read(t.header.rows_offset, row, t.header.row_size));
  double value;
  memcpy(&value, row + 80, sizeof(value));
  CHECK_NEAR(value, 42, 0);
  CHECK_EQ(row[88], 0);
  CHECK_EQ(losses(), 0);
  Failure gone;
  gone.Set("gone");
  reading.state = Reading::kUnavailable;
  t.feed.series.Absorb(reading, gone, kStart + 1);
  for (int i = 1; i < 3; i++) {
    t.log.WriteRow(kStart + i * kSecond);
    CHECK(t.Read(t.header.rows_offset + i * t.header.row_size, row, t.header.row_size));
    memcpy(&value, row + 80, sizeof(value));
    CHECK(value != value);
    CHECK_EQ(row[88], 2);
    CHECK_EQ(losses(), 1);
  }
}

TEST(FlightLogsNoteTheSignalThatEndsTheProcessUntilTheyAreRemoved) {
  Fixture t;
  char paths[3][80];
  for (int i = 0; i < 3; i++) snprintf(paths[i], sizeof(paths[i]), "%s/signaled-%d", t.folder, i);
  const pid_t child = fork();
  if (child == 0) {
    // A handler that never ends must not hang the test.
    alarm(10);
    FlightLogs logs(&t.host);
    std::unique_ptr<uint8_t[]> image(new uint8_t[t.header.file_size]());
    memcpy(image.get(), &t.header, sizeof(t.header));
    const uint32_t column = 1;
    uint32_t ids[3];
    Failure why;
    for (int i = 0; i < 3; i++) {
      ids[i] = logs.Create(&t.environment, paths[i], image.get(), t.header.file_size, kSecond, &column, 1, false, &why);
      logs.NoteSignals(ids[i]);
    }
    // Asked for again, as after a handler of the user's.
    for (const uint32_t each : ids) logs.NoteSignals(each);
    logs.Remove(ids[1]);
    struct sigaction action;
    sigaction(SIGTERM, nullptr, &action);
    if (action.sa_handler == SIG_DFL) _exit(1);
    raise(SIGTERM);
    _exit(0);
  }
  int status = 0;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFSIGNALED(status));
  CHECK_EQ(WTERMSIG(status), SIGTERM);
  for (int i = 0; i < 3; i++) {
    LogNote note = {};
    const bool noted = t.Read(paths[i], t.header.states_offset, &note, sizeof(note)) &&
                       note.kind == static_cast<uint8_t>(LogKind::kSignal) && note.number == SIGTERM;
    CHECK_EQ(noted, i != 1);
    remove(paths[i]);
  }
}

TEST(FlightLogsLeaveSignalsAloneOnceTheLastIsRemoved) {
  Fixture t;
  char path[80];
  snprintf(path, sizeof(path), "%s/last", t.folder);
  FlightLogs logs(&t.host);
  std::unique_ptr<uint8_t[]> image(new uint8_t[t.header.file_size]());
  memcpy(image.get(), &t.header, sizeof(t.header));
  const uint32_t column = 1;
  Failure why;
  const uint32_t id =
      logs.Create(&t.environment, path, image.get(), t.header.file_size, kSecond, &column, 1, false, &why);
  struct sigaction before, during, after;
  sigaction(SIGTERM, nullptr, &before);
  logs.NoteSignals(id);
  sigaction(SIGTERM, nullptr, &during);
  logs.Remove(id);
  sigaction(SIGTERM, nullptr, &after);
  CHECK(during.sa_handler != before.sa_handler);
  CHECK(after.sa_handler == before.sa_handler);
  remove(path);
}
