// The shared memory in which the sampler publishes the newest values and the guards' flags for JavaScript. It consists
// of int32 words; src/addon/board.ts allocates them.
//
//   word 0     how many times any guard of this environment has been breached, has cleared, or has become unavailable
//   word 1     1 while guard events or answers wait to be fetched
//   word 2     incremented before and after each write to any cell, so it is odd during a write
//   word 3     how many regions (regions.h) of this environment run; written on its own thread, like the next two
//   word 4     1 after a region has been ended for its own sake, 2 for that of a region around it
//   word 5     the term that was met
//   word 6     1 while a region of the thread is ordered to end, and this environment has its innermost one
//   word 16    used by JavaScript only, in a separate cache line
//   a cell     10 words: how many values have been written to it, one unused word, and two slots of 4 words. Value n is
//              in slot n mod 2: a double, and its time as a double in milliseconds. A time of 0 means that there is no
//              value yet. NaN means that the value has been unavailable since that time.
//   a flag     1 word: a guard's state in the low 3 bits; the bits above count its breaches
//
// A reader loads the count of the cell, then the slot that the count names, then the count again. If the count has not
// changed, the writer can only have been writing to the other slot. So no reader ever waits for the writer, which may
// be preempted in the middle of a write. To read many cells at once, a reader checks instead that word 2 is even and
// unchanged. In both cases the reader needs a barrier before the second check, because the doubles are plain loads,
// which ARM may move past an acquire. An atomic addition to word 16 is that barrier.
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
  // How often the guard with this flag has breached; 0 beyond the end.
  uint32_t ReadBreaches(uint32_t place) const;
  void SetNews(bool waiting);
  void CountRegions(int32_t change);
  void OrderRegion(bool ordered);
  bool IsOrdered() const;
  void EndRegion(int32_t how, uint32_t term);

 private:
  int32_t* words_ = nullptr;
  size_t count_ = 0;
};

}  // namespace tripline
