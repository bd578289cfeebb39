// The shared memory in which the sampler leaves the newest values and the guards' flags, as JavaScript reads it:
// int32 words, of which src/monitor/board.ts hands out the places.
//
//   word 0     how many edges (breach, clear, unavailable) any guard of this environment has had
//   word 1     1 while news of guards, or answers, wait to be fetched
//   a cell     8 words: sequence, value (2), time (2), state, sequence again, spare. A reader takes the last sequence
//              first and the first one last: equal means nothing changed in between.
//   a flag     1 word: a guard's state in the low 3 bits, above them how often it has breached
#pragma once

#include <cstddef>
#include <cstdint>

namespace tripline {

enum class CellState : int32_t { kUnknown, kKnown, kUnavailable };

class Board {
 public:
  // `words` stays valid until the next call or the end of the environment.
  void Attach(int32_t* words, size_t count);

  // Places beyond the end are ignored: a board being replaced by a larger one is never written past.
  void WriteCell(uint32_t place, double value, uint64_t at, CellState state);
  void WriteFlag(uint32_t place, uint8_t state, uint32_t breaches);
  void CountEdge();
  void SetNews(bool waiting);

 private:
  int32_t* words_ = nullptr;
  size_t count_ = 0;
};

}  // namespace tripline
