#include "sampler/blocked_stack.h"

#include <cstring>

#include "util/text.h"

namespace tripline {
namespace {

// Of UTF-8: not the first byte of a character.
bool IsContinuation(char byte) { return (byte & 0xC0) == 0x80; }

// Appends what has room. The control characters of Unicode's first 256 are one byte or begin with 0xC2.
size_t AddSafely(const char* from, char* text, size_t used, size_t room) {
  for (; *from != '\0' && used + 1 < room; from++) {
    const auto byte = static_cast<unsigned char>(*from);
    const bool control = byte < 0x20 || byte == 0x7F;
    const bool second = byte == 0xC2 && static_cast<unsigned char>(from[1]) < 0xA0;
    if (second) from++;
    text[used++] = control || second ? '?' : *from;
  }
  // A character of several bytes is not cut within.
  if (IsContinuation(*from)) {
    while (used > 0 && IsContinuation(text[--used]));
  }
  text[used] = '\0';
  return used;
}

}  // namespace

bool StackCopy::Add(const char* function, const char* file, int32_t line, int32_t column) {
  const size_t sizes[] = {std::strlen(function) + 1, std::strlen(file) + 1};
  if (count == kFrames || used + sizes[0] + sizes[1] > sizeof(texts)) return false;
  Frame& frame = frames[count++];
  frame.line = line;
  frame.column = column;
  frame.function = static_cast<uint16_t>(used);
  std::memcpy(texts + used, function, sizes[0]);
  used += static_cast<uint32_t>(sizes[0]);
  frame.file = static_cast<uint16_t>(used);
  std::memcpy(texts + used, file, sizes[1]);
  used += static_cast<uint32_t>(sizes[1]);
  return true;
}

void BlockedStack::Ask(uint64_t block) {
  {
    MutexLock lock(&lock_);
    if (asked_ == block) return;
    asked_ = block;
    wanted_ = true;
  }
  interrupt_(context_);
}

void BlockedStack::Release() {
  MutexLock lock(&lock_);
  wanted_ = false;
}

StackCopy* BlockedStack::Begin() {
  MutexLock lock(&lock_);
  if (!wanted_) return nullptr;
  StackCopy* copy = &copies_[1 - newest_];
  copy->block = asked_;
  copy->count = 0;
  copy->used = 0;
  return copy;
}

void BlockedStack::End() {
  MutexLock lock(&lock_);
  newest_ = 1 - newest_;
  // Another may have been asked for meanwhile.
  if (copies_[newest_].block == asked_) wanted_ = false;
}

bool BlockedStack::Read(uint64_t block, StackCopy* copy) {
  MutexLock lock(&lock_);
  const StackCopy& newest = copies_[newest_];
  if (newest.block == 0 || (block != kNewest && newest.block != block)) return false;
  copy->block = newest.block;
  copy->count = newest.count;
  copy->used = newest.used;
  std::memcpy(copy->frames, newest.frames, newest.count * sizeof(StackCopy::Frame));
  std::memcpy(copy->texts, newest.texts, newest.used);
  return true;
}

void BlockedStack::Describe(char* text, size_t room, uint64_t block) {
  MutexLock lock(&lock_);
  text[0] = '\0';
  const StackCopy& newest = copies_[newest_];
  if (block != kNewest && newest.block != block) return;
  size_t used = 0;
  for (uint32_t i = 0; i < newest.count; i++) {
    const StackCopy::Frame& frame = newest.frames[i];
    FixedText<32> place;
    place.Add(":").Add(static_cast<uint64_t>(frame.line)).Add(":").Add(static_cast<uint64_t>(frame.column));
    const char* function = newest.texts + frame.function;
    const char* const parts[] = {function, *function == '\0' ? "(" : " (", newest.texts + frame.file, place.get(), ")"};
    if (i > 0 && used + 1 < room) text[used++] = '\n';
    for (const char* part : parts) used = AddSafely(part, text, used, room);
  }
}

}  // namespace tripline
