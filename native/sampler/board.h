// The shared memory in which the sampler leaves the newest values and the guards' flags, as JavaScript reads it:
// int32 words, of which src/addon/board.ts hands out the places.
//
//   word 0     how many edges (breach, clear, unavailable) any guard of this environment has had
//   word 1     1 while news of guards, or answers, wait to be fetched
//   word 2     changes before and after each write of a value to any cell: odd while one is being written
//   word 16    JavaScript's own, in a cache line of its own
//   a cell     10 words: how many values have been written to it, a spare, and two slots of 4 words. Value n is in slot
//              n mod 2: a double, and its time as a double in milliseconds. A time of 0 means no value yet, a value
//              that is not a number is one that is unavailable since that time.
//   a flag     1 word: a guard's state in the low 3 bits, above them how often it has breached
//
// A reader takes the count of the cell, the slot that it names, and the count again: as long as that is the same, the
// writer has at most been at the other slot. So no reader ever waits for the writer, which may be off its CPU in the
// middle of a write. Many cells are read faster where word 2 is even and the same before and after. In both cases the
// reader needs a barrier ahead of its second look, because the doubles are read by plain loads, which ARM moves past an
// acquire: an addition to word 16.
#pragma once

#include <cstddef>
#include <cstdint>

#include "port/memory_lock.h"

namespace tripline {

struct Value;

class Board {
 public:
  // `words` stays valid until the next call or the end of the environment.
  void Attach(int32_t* words, size_t count);

  MemoryRange memory() const { return {words_, count_ * sizeof(int32_t)}; }

  // Places beyond the end are ignored: a board being replaced by a larger one is never written past.
  void WriteCell(uint32_t place, const Value& value);
  void WriteFlag(uint32_t place, uint8_t state, uint32_t breaches);
  void CountEdge();
  void SetNews(bool waiting);

 private:
  int32_t* words_ = nullptr;
  size_t count_ = 0;
};

}  // namespace tripline
