// The stack of a blocked loop: asked for by one thread, taken by another, read by any.
#include "sampler/blocked_stack.h"

#include <cstring>
#include <string>

#include "check.h"
#include "sampler/environment.h"

using namespace tripline;

namespace {

const char* FunctionOf(const StackCopy& copy, uint32_t at) { return copy.texts + copy.frames[at].function; }
const char* FileOf(const StackCopy& copy, uint32_t at) { return copy.texts + copy.frames[at].file; }

void Count(void* requests) { ++*static_cast<int*>(requests); }

void Take(BlockedStack* stack, const char* function) {
  StackCopy* copy = stack->Begin();
  CHECK(copy != nullptr);
  if (copy == nullptr) return;
  CHECK(copy->Add(function, "/app/page.js", 12, 7));
  CHECK(copy->Add("", "node:internal/timers", 581, 17));
  stack->End();
}

}  // namespace

TEST(BlockedStackIsAskedForOncePerBlock) {
  int requests = 0;
  BlockedStack stack(Count, &requests);
  CHECK(stack.Begin() == nullptr);
  stack.Ask(1);
  stack.Ask(1);
  CHECK_EQ(requests, 1);
  Take(&stack, "render");
  CHECK(stack.Begin() == nullptr);
  stack.Ask(1);
  CHECK_EQ(requests, 1);
  stack.Ask(2);
  CHECK_EQ(requests, 2);
}

TEST(BlockedStackIsThatOfItsBlockOnly) {
  int requests = 0;
  BlockedStack stack(Count, &requests);
  StackCopy copy;
  CHECK(!stack.Read(BlockedStack::kNewest, &copy));
  stack.Ask(1);
  Take(&stack, "first");
  CHECK(stack.Read(1, &copy));
  CHECK_EQ(copy.count, 2u);
  CHECK_EQ(FunctionOf(copy, 0), "first");
  CHECK_EQ(FileOf(copy, 0), "/app/page.js");
  CHECK_EQ(copy.frames[0].line, 12);
  CHECK_EQ(FunctionOf(copy, 1), "");
  stack.Ask(2);
  CHECK(!stack.Read(2, &copy));
  Take(&stack, "second");
  CHECK(!stack.Read(1, &copy));
  CHECK(stack.Read(BlockedStack::kNewest, &copy));
  CHECK_EQ(copy.block, 2u);
}

TEST(BlockedStackOfABlockThatEndedFirstIsNotTaken) {
  int requests = 0;
  BlockedStack stack(Count, &requests);
  stack.Ask(1);
  stack.Release();
  CHECK(stack.Begin() == nullptr);
}

TEST(BlockedStackAsTextHasNoControlCharacters) {
  int requests = 0;
  BlockedStack stack(Count, &requests);
  stack.Ask(1);
  Take(&stack,
       "\x1b]0;title\x07\n\xc2\x9b"
       "31m\xc3\xa9");
  char text[128];
  const char* const written = text;
  stack.Describe(text, sizeof(text));
  CHECK_EQ(written, "?]0;title???31m\xc3\xa9 (/app/page.js:12:7)\n(node:internal/timers:581:17)");
  for (size_t room = 1; room < sizeof(text); room++) {
    std::memset(text, 'x', sizeof(text));
    stack.Describe(text, room);
    CHECK(std::strlen(text) < room);
    CHECK_EQ(text[room], 'x');
  }
}

TEST(BlockedStackKeepsWhatHasRoom) {
  StackCopy copy;
  const std::string name(127, 'f'), file(1023, '/');
  uint32_t added = 0;
  while (copy.Add(name.c_str(), file.c_str(), 1, 1)) added++;
  CHECK_EQ(added, 5u);
  CHECK_EQ(copy.count, added);
  CHECK_EQ(FileOf(copy, 4), file.c_str());
  StackCopy many;
  added = 0;
  while (many.Add("f", "g", 1, 1)) added++;
  CHECK_EQ(added, StackCopy::kFrames);
}

TEST(EnvironmentAsksForAStackOnlyWhileItsLoopIsBlocked) {
  int requests = 0, notifications = 0;
  Environment environment(Count, &notifications);
  environment.AskForStack();
  environment.stack.reset(new BlockedStack(Count, &requests));
  environment.AskForStack();
  CHECK_EQ(requests, 0);
  environment.AskForHeartbeat(10, false);
  environment.AskForStack();
  environment.AskForStack();
  CHECK_EQ(requests, 1);
  environment.Acknowledge(20);
  CHECK(environment.stack->Begin() == nullptr);
  environment.AskForStack();
  CHECK_EQ(requests, 1);
}

TEST(BlockedStackIsDescribedWithoutCuttingACharacter) {
  int requests = 0;
  BlockedStack stack(Count, &requests);
  stack.Ask(1);
  Take(&stack, "r\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
  // What follows the name may take the room of a character that has none.
  const char* const texts[] = {"", "r", "r ", "r\xC3\xA4", "r\xC3\xA4 ", "r\xC3\xA4 (", "r\xC3\xA4\xE2\x82\xAC"};
  for (size_t room = 1; room <= 7; room++) {
    char text[8];
    stack.Describe(text, room);
    CHECK_EQ(static_cast<const char*>(text), texts[room - 1]);
  }
}
