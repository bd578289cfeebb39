// The words that JavaScript reads. A reader that runs beside the writer never sees half of a value.
#include "sampler/board.h"

#include <pthread.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <initializer_list>

#include "check.h"
#include "sampler/series.h"
#include "util/time.h"

using namespace tripline;

namespace {

constexpr uint32_t kWords = 64, kCell = 32, kFlag = 42;

Value Known(double value, uint64_t at) { return Value{Value::kKnown, value, at}; }

struct Words {
  alignas(8) int32_t words[kWords] = {};
  Board board;

  Words() { board.Attach(words, kWords); }
  double Double(uint32_t word) const {
    double number;
    memcpy(&number, words + word, sizeof(number));
    return number;
  }
};

int32_t Load(const int32_t* word) {
  return reinterpret_cast<const std::atomic<int32_t>*>(word)->load(std::memory_order_seq_cst);
}

// Reads as src/addon/board.ts does, on a thread of its own.
struct Reader {
  const int32_t* words;
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> reads{0};
  uint64_t torn = 0;

  static void* Body(void* raw) {
    auto* self = static_cast<Reader*>(raw);
    std::atomic<int32_t> barrier{0};
    while (!self->stop) {
      int32_t count;
      double value, at;
      do {
        count = Load(self->words + kCell);
        const int32_t* slot = self->words + kCell + 2 + (count & 1) * 4;
        int32_t halves[4];
        for (int i = 0; i < 4; i++)
          halves[i] = reinterpret_cast<const std::atomic<int32_t>*>(slot + i)->load(std::memory_order_relaxed);
        memcpy(&value, halves, sizeof(value));
        memcpy(&at, halves + 2, sizeof(at));
        barrier.fetch_add(0);
      } while (Load(self->words + kCell) != count);
      self->reads++;
      // The writer sets every value to its own time.
      if (value != at) self->torn++;
    }
    return nullptr;
  }
};

}  // namespace

TEST(BoardAlternatesBetweenTwoSlots) {
  Words board;
  board.board.WriteCell(kCell, Known(42.5, 7 * kMillisecond));
  CHECK_EQ(board.words[kCell], 1);
  CHECK_NEAR(board.Double(kCell + 6), 42.5, 0);
  CHECK_NEAR(board.Double(kCell + 8), 7.0, 0);
  board.board.WriteCell(kCell, Known(43.5, 8 * kMillisecond));
  CHECK_EQ(board.words[kCell], 2);
  CHECK_NEAR(board.Double(kCell + 2), 43.5, 0);
  // The slot of the previous value is unchanged.
  CHECK_NEAR(board.Double(kCell + 6), 42.5, 0);
  // The sequence number is even again after each write.
  CHECK_EQ(board.words[2], 4);
}

TEST(BoardSaysWhatIsNotKnown) {
  Words board;
  board.board.WriteCell(kCell, Value{Value::kUnavailable, 1, 9 * kMillisecond});
  CHECK(std::isnan(board.Double(kCell + 6)));
  CHECK_NEAR(board.Double(kCell + 8), 9.0, 0);
  board.board.WriteCell(kCell, Value{Value::kUnknown, 1, 9 * kMillisecond});
  CHECK_NEAR(board.Double(kCell + 4), 0.0, 0);
}

TEST(BoardWritesNothingBeyondItsEnd) {
  Words board;
  board.board.Attach(board.words, kCell + 9);
  board.board.WriteCell(kCell, Known(1, kSecond));
  board.board.WriteFlag(kCell + 9, 2, 1);
  for (uint32_t i = 0; i < kWords; i++) CHECK_EQ(board.words[i], 0);
}

TEST(BoardThatIsReplacedKeepsWhatItHad) {
  Words small, large;
  small.board.WriteCell(kCell, Known(5, kSecond));
  small.board.WriteFlag(kFlag, 2, 3);
  small.board.Attach(large.words, kWords);
  small.board.WriteCell(kCell, Known(6, kSecond));
  CHECK_EQ(large.words[kFlag], 3 << 3 | 2);
  CHECK_NEAR(large.Double(kCell + 2), 6.0, 0);
  CHECK_NEAR(large.Double(kCell + 6), 5.0, 0);
}

TEST(BoardIsNeverReadTorn) {
  Words board;
  Reader reader = {board.words};
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, nullptr, Reader::Body, &reader), 0);
  // Runs longer on a busy machine, where the reader's thread starts late.
  for (uint64_t i = 1; i < 300000 || reader.reads < 1000; i++) {
    // All 64 bits change from one value to the next.
    const uint64_t at = i % 2 == 0 ? i * kMillisecond : (i << 20) * kMillisecond;
    board.board.WriteCell(kCell, Known(static_cast<double>(at) / 1e6, at));
  }
  reader.stop = true;
  pthread_join(thread, nullptr);
  CHECK_EQ(reader.torn, 0u);
}

TEST(BoardKeepsWhatConcernsRegions) {
  Words board;
  CHECK(!board.board.IsOrdered());
  board.board.OrderRegion(true);
  CHECK(board.board.IsOrdered());
  board.board.OrderRegion(false);
  CHECK(!board.board.IsOrdered());
  int32_t before[kWords];
  memcpy(before, board.words, sizeof(before));
  board.board.CountRegions(2);
  board.board.CountRegions(-1);
  board.board.EndRegion(3, 7);
  int32_t sum = 0;
  for (uint32_t i = 0; i < kWords; i++) sum += board.words[i] - before[i];
  CHECK_EQ(sum, 1 + 3 + 7);
  // Without memory, nothing is kept, and nothing is read.
  Board none;
  none.OrderRegion(true);
  none.CountRegions(1);
  none.EndRegion(1, 1);
  none.SetNews(true);
  none.CountEdge();
  none.WriteFlag(0, 1, 1);
  CHECK(!none.IsOrdered());
  CHECK_EQ(none.ReadBreaches(0), 0u);
}

TEST(BoardKeepsEveryBitOfAValue) {
  Words words;
  words.board.WriteCell(kCell, Known(0.1, kSecond));
  CHECK_NEAR(words.Double(kCell + 6), 0.1, 0);
}

TEST(BoardWritesACellThatEndsWithIt) {
  alignas(8) int32_t words[kCell + 10] = {};
  Board board;
  board.Attach(words, kCell + 10);
  board.WriteCell(kCell, Known(1, kSecond));
  CHECK_EQ(words[kCell], 1);
}

TEST(BoardOfAnotherSizeTakesWhatBothHave) {
  int32_t old[24], other[24];
  for (int i = 0; i < 24; i++) old[i] = 100 + i, other[i] = -1;
  Board board;
  board.Attach(old, 8);
  for (const size_t size : {size_t{16}, size_t{4}}) {
    board.Attach(old, 8);
    for (int32_t& each : other) each = -1;
    board.Attach(other, size);
    const size_t both = size < 8 ? size : 8;
    CHECK_EQ(other[both - 1], static_cast<int32_t>(100 + both - 1));
    CHECK_EQ(other[both], -1);
    board.Attach(nullptr, 0);
  }
}

TEST(BoardThatIsTooSmallForAWordLeavesItAlone) {
  // Each of its own words is the first beyond one of these sizes.
  for (uint32_t size = 0; size < 8; size++) {
    int32_t words[8];
    for (int32_t& each : words) each = 9;
    Board board;
    board.Attach(words, size);
    board.CountEdge();
    board.SetNews(true);
    board.CountRegions(1);
    board.OrderRegion(true);
    board.EndRegion(3, 4);
    for (uint32_t i = size; i < 8; i++) CHECK_EQ(words[i], 9);
    CHECK_EQ(board.IsOrdered(), size > 6);
  }
}
