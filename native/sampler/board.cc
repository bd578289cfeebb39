#include "sampler/board.h"

#include <atomic>
#include <cstring>
#include <limits>

#include "sampler/series.h"
#include "util/time.h"

namespace tripline {
namespace {

constexpr size_t kEdgeWord = 0;
constexpr size_t kNewsWord = 1;
constexpr size_t kWritesWord = 2;
constexpr size_t kRegionsWord = 3;
constexpr size_t kEndedWord = 4;
constexpr size_t kTermWord = 5;
constexpr size_t kOrderedWord = 6;
constexpr size_t kCellWords = 10;
constexpr size_t kFirstSlot = 2;
constexpr size_t kSlotWords = 4;

static_assert(sizeof(std::atomic<int32_t>) == sizeof(int32_t), "words are shared with JavaScript's Atomics");

std::atomic<int32_t>& Word(int32_t* word) { return *reinterpret_cast<std::atomic<int32_t>*>(word); }

// Release stores become visible in the order in which they are made, which is all that a reader relies on.
void Store(int32_t* word, int32_t value) { Word(word).store(value, std::memory_order_release); }

void StorePair(int32_t* words, const void* bytes) {
  int32_t halves[2];
  std::memcpy(halves, bytes, sizeof(halves));
  Store(words, halves[0]);
  Store(words + 1, halves[1]);
}

// The current value plus one. No atomic addition is needed, because the sampler's lock makes this the only writer.
uint32_t Counted(int32_t* word) { return static_cast<uint32_t>(Word(word).load(std::memory_order_relaxed)) + 1; }

}  // namespace

void Board::Attach(int32_t* words, size_t count) {
  // The sampler's lock is held: nothing is written between the copy and the switch.
  if (words_ != nullptr && words != nullptr)
    std::memcpy(words, words_, (count < count_ ? count : count_) * sizeof(int32_t));
  words_ = words;
  count_ = words == nullptr ? 0 : count;
}

void Board::WriteCell(uint32_t place, const Value& value) {
  if (place + kCellWords > count_) return;
  int32_t* cell = words_ + place;
  const uint32_t count = Counted(cell);
  Store(words_ + kWritesWord, static_cast<int32_t>(Counted(words_ + kWritesWord)));
  int32_t* slot = cell + kFirstSlot + (count & 1) * kSlotWords;
  const double number = value.state == Value::kKnown ? value.value : std::numeric_limits<double>::quiet_NaN();
  const double at = value.state == Value::kUnknown ? 0 : ToMilliseconds(value.at);
  StorePair(slot, &number);
  StorePair(slot + 2, &at);
  Store(cell, static_cast<int32_t>(count));
  Store(words_ + kWritesWord, static_cast<int32_t>(Counted(words_ + kWritesWord)));
}

void Board::WriteFlag(uint32_t place, uint8_t state, uint32_t breaches) {
  if (place >= count_) return;
  Store(words_ + place, static_cast<int32_t>(breaches << 3 | state));
}

void Board::CountEdge() {
  if (count_ <= kEdgeWord) return;
  Store(words_ + kEdgeWord, static_cast<int32_t>(Counted(words_ + kEdgeWord)));
}

void Board::SetNews(bool waiting) {
  if (count_ > kNewsWord) Store(words_ + kNewsWord, waiting ? 1 : 0);
}

uint32_t Board::ReadBreaches(uint32_t place) const {
  return place < count_ ? static_cast<uint32_t>(Word(words_ + place).load(std::memory_order_acquire)) >> 3 : 0;
}

void Board::CountRegions(int32_t change) {
  if (count_ > kRegionsWord) words_[kRegionsWord] += change;
}

void Board::OrderRegion(bool ordered) {
  if (count_ > kOrderedWord) words_[kOrderedWord] = ordered ? 1 : 0;
}

bool Board::IsOrdered() const { return count_ > kOrderedWord && words_[kOrderedWord] != 0; }

void Board::EndRegion(int32_t how, uint32_t term) {
  if (count_ <= kTermWord) return;
  words_[kEndedWord] = how;
  words_[kTermWord] = static_cast<int32_t>(term);
}

}  // namespace tripline
