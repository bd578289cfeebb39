#include "node/region.h"

#include <algorithm>
#include <cstring>

#include "node/stack.h"
#include "sampler/sampler.h"

namespace tripline {
namespace {

Regions& AllRegions() { return Sampler::Get()->regions(); }

// Reading the stack takes at most one part in so many of the time that a region waits to be ended.
constexpr uint64_t kShare = 4;

// Frames that are read at first: few regions wait to be ended within a deep recursion.
constexpr int kFewFrames = 32;

// A region on a thread without fragile frames so far is ended by the fourth interrupt that finds none.
constexpr uint32_t kUnsureInterrupts = 4;

// Each time that so many interrupts have found a fragile frame, optimized code is discarded: it may check for
// interrupts only in the functions that it calls.
constexpr uint32_t kFragileInterrupts = 500;

// The function of the library in which a thread waits to be ended, before it changes anything
// (src/base/safe-point.ts).
constexpr char kSafePoint[] = "waitForEnd";

void Interrupt(void* engine) { static_cast<Engine*>(engine)->Interrupt(Engine::kRegion); }

bool StartsWith(const char* text, const char* start) { return std::strncmp(text, start, std::strlen(start)) == 0; }

bool IsBelow(const char* script, const Text& folder) { return !folder.empty() && StartsWith(script, folder.get()); }

// Whether the library waits to be ended. The function that waits for it is the second frame.
bool IsSafePoint(const Stack& stack, const OwnCode& own) {
  char text[1024];
  if (stack.size() < 2) return false;
  stack.GetFunction(stack[0], text, sizeof(text));
  if (std::strcmp(text, kSafePoint) != 0) return false;
  stack.GetScript(stack[0], text, sizeof(text));
  return IsBelow(text, own.path) || IsBelow(text, own.url);
}

// kSafe: where it is ended for certain, not a little later.
enum class Look { kSafe, kPolite, kFragile, kDeeper };

Look LookAt(const Engine& engine, const OwnCode& own, int limit) {
  const Stack stack(engine, limit);
  char text[1024];
  int last = 0;
  const bool safe = IsSafePoint(stack, own);
  for (uint32_t i = safe ? 2 : 0; i < stack.size(); i++) {
    const Stack::Frame frame = stack[i];
    if (frame.script == own.script) {
      const Location at = stack.GetLocation(frame);
      if (at.line == own.call.line && at.column == own.call.column) return safe ? Look::kSafe : Look::kPolite;
    }
    // A recursion, usually.
    if (frame.script == last) continue;
    last = frame.script;
    stack.GetScript(frame, text, sizeof(text));
    if (std::strcmp(text, "node:vm") == 0) {
      // It runs the code of others, and can be terminated, except where it has to put listeners back.
      last = 0;
      stack.GetFunction(frame, text, sizeof(text));
      if (std::strcmp(text, "sigintHandlersWrap") == 0) return Look::kFragile;
    } else if (StartsWith(text, "node:") || IsBelow(text, own.path) || IsBelow(text, own.url)) {
      return Look::kFragile;
    }
  }
  // The whole stack without the entry: the region's code is not on it.
  return stack.size() < static_cast<uint32_t>(limit) ? Look::kFragile : Look::kDeeper;
}

Look LookAt(const Engine& engine, const OwnCode& own) {
  Look look = Look::kDeeper;
  for (int limit = kFewFrames; look == Look::kDeeper; limit *= 8) look = LookAt(engine, own, limit);
  return look;
}

// V8 terminates at its next check for interrupts. In optimized code, that may be within a function of Node that was
// inlined into the region's code. So where fragile frames were seen, all optimized code is discarded first. Optimizing
// again takes some 20 ms, which regions of pure computation are spared. Where V8's internal names are hidden, code
// cannot be discarded (docs/blocked-loop.md).
bool IsSure(const Engine& engine, const Regions::Stack* stack, RegionFrame* region) {
  const auto deoptimize = engine.v8().DeoptimizeAll;
  if (deoptimize == nullptr) return true;
  if (stack->fragile == 0 && !engine.hurry) return ++region->unsure >= kUnsureInterrupts;
  deoptimize(engine.isolate());
  return true;
}

void NoteFragile(const Engine& engine, Regions::Stack* stack) {
  const auto deoptimize = engine.v8().DeoptimizeAll;
  if (++stack->fragile % kFragileInterrupts == 0 && deoptimize != nullptr) deoptimize(engine.isolate());
}

void OnInterrupt(Engine* engine) {
  auto* stack = static_cast<Regions::Stack*>(engine->of[Engine::kRegion]);
  if (stack == nullptr || stack->top == nullptr || !AllRegions().IsOrdered(stack)) return;
  auto* region = static_cast<RegionFrame*>(stack->top);
  const uint64_t start = MonotonicNow();
  Board& board = region->environment->board;
  const Look look = LookAt(*engine, *region->own);
  // From now on, the library's functions wait for the end instead of being ended in the middle. One that is called by
  // fragile code goes on until the next interrupt.
  board.OrderRegion(look != Look::kFragile || !board.IsOrdered());
  if (look == Look::kFragile) {
    NoteFragile(*engine, stack);
  } else if (look == Look::kSafe || IsSure(*engine, stack, region)) {
    region->terminated = true;
    engine->v8().TerminateExecution(engine->isolate());
  }
  AllRegions().SetRetry(stack, std::max(Regions::kRetry, kShare * (MonotonicNow() - start)));
}

Regions::Stack* StackOf(Engine* engine) {
  void*& stack = engine->of[Engine::kRegion];
  if (stack == nullptr) {
    Engine::SetHandler(Engine::kRegion, OnInterrupt);
    auto* made = new Regions::Stack{Interrupt, engine};
    AllRegions().Add(made);
    stack = made;
  }
  return static_cast<Regions::Stack*>(stack);
}

// Whether JavaScript may run in the environment; not if its worker is being terminated. This call needs it to.
bool IsAlive(napi_env env, napi_value value) {
  bool ignored = false;
  return napi_strict_equals(env, value, value, &ignored) == napi_ok;
}

// Takes back the termination of a region.
bool TakeBack(Engine* engine, napi_env env, napi_value function) {
  engine->v8().CancelTerminateExecution(engine->isolate());
  napi_value ignored = nullptr;
  napi_get_and_clear_last_exception(env, &ignored);
  if (IsAlive(env, function)) return true;
  // It was Node that has ended the thread, before or after.
  engine->v8().TerminateExecution(engine->isolate());
  return false;
}

}  // namespace

RegionEnd CallInRegion(Engine* engine, napi_env env, napi_value function, RegionFrame* region, napi_value* result,
                       Failure* why) {
  Regions::Stack* stack = StackOf(engine);
  if (!AllRegions().Enter(stack, region, why)) return RegionEnd::kRefused;
  Board& board = region->environment->board;
  board.CountRegions(1);
  napi_value undefined = nullptr;
  napi_get_undefined(env, &undefined);
  const V8& v8 = engine->v8();
  Value* const frame = v8.CurrentFrame == nullptr ? nullptr : v8.CurrentFrame(engine->isolate());
  const napi_status status = napi_call_function(env, undefined, function, 0, nullptr, result);
  AllRegions().Leave(stack);
  board.CountRegions(-1);
  board.OrderRegion(false);
  if (region->terminated) {
    // It may have returned, or thrown, before V8 came to terminating it.
    if (!TakeBack(engine, env, function)) return RegionEnd::kThrew;
    // The code of AsyncLocalStorage that puts it back may be among what did not run.
    if (status != napi_ok && v8.SetFrame != nullptr && frame != nullptr) v8.SetFrame(engine->isolate(), frame);
    if (status != napi_ok) return region->ordered ? RegionEnd::kEnded : RegionEnd::kEndedWithOuter;
  }
  return status == napi_ok ? RegionEnd::kReturned : RegionEnd::kThrew;
}

RegionFrame* FindRegion(Engine* engine, const Environment* environment, uint32_t depth) {
  const Regions::Stack* stack = StackOf(engine);
  uint32_t count = 0;
  for (const Regions::Region* each = stack->top; each != nullptr; each = each->outer)
    count += each->environment == environment ? 1 : 0;
  for (Regions::Region* each = stack->top; each != nullptr; each = each->outer) {
    if (each->environment == environment && --count == depth) return static_cast<RegionFrame*>(each);
  }
  return nullptr;
}

void OrderRegion(Engine* engine, RegionFrame* region) { AllRegions().Order(StackOf(engine), region); }

}  // namespace tripline
