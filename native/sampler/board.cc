#include "sampler/board.h"

#include <atomic>
#include <cstring>

namespace tripline {
namespace {

constexpr size_t kEdgeWord = 0;
constexpr size_t kNewsWord = 1;
constexpr size_t kCellWords = 8;

static_assert(sizeof(std::atomic<int32_t>) == sizeof(int32_t), "words are shared with JavaScript's Atomics");

std::atomic<int32_t>& Word(int32_t* word) { return *reinterpret_cast<std::atomic<int32_t>*>(word); }

// Release stores become visible in this order, which is all that the two sequence words need.
void Store(int32_t* word, int32_t value) { Word(word).store(value, std::memory_order_release); }

void StorePair(int32_t* words, const void* bytes) {
  int32_t halves[2];
  std::memcpy(halves, bytes, sizeof(halves));
  Store(words, halves[0]);
  Store(words + 1, halves[1]);
}

}  // namespace

void Board::Attach(int32_t* words, size_t count) {
  // The sampler's lock is held: nothing is written between the copy and the switch.
  if (words_ != nullptr && words != nullptr)
    std::memcpy(words, words_, (count < count_ ? count : count_) * sizeof(int32_t));
  words_ = words;
  count_ = words == nullptr ? 0 : count;
}

void Board::WriteCell(uint32_t place, double value, uint64_t at, CellState state) {
  if (place + kCellWords > count_) return;
  int32_t* cell = words_ + place;
  const int32_t sequence = static_cast<int32_t>(static_cast<uint32_t>(Word(cell).load(std::memory_order_relaxed)) + 1);
  const double milliseconds = static_cast<double>(at) / 1e6;
  Store(cell, sequence);
  StorePair(cell + 1, &value);
  StorePair(cell + 3, &milliseconds);
  Store(cell + 5, static_cast<int32_t>(state));
  Store(cell + 6, sequence);
}

void Board::WriteFlag(uint32_t place, uint8_t state, uint32_t breaches) {
  if (place >= count_) return;
  Store(words_ + place, static_cast<int32_t>(breaches << 3 | state));
}

void Board::CountEdge() {
  if (count_ <= kEdgeWord) return;
  // The sampler's lock makes this the only writer, so no atomic addition is needed.
  const uint32_t edges = static_cast<uint32_t>(Word(words_ + kEdgeWord).load(std::memory_order_relaxed));
  Store(words_ + kEdgeWord, static_cast<int32_t>(edges + 1));
}

void Board::SetNews(bool waiting) {
  if (count_ > kNewsWord) Store(words_ + kNewsWord, waiting ? 1 : 0);
}

}  // namespace tripline
