#include "node/region.h"

#include <algorithm>
#include <cstring>

#include "node/stack.h"
#include "sampler/sampler.h"

namespace tripline {
namespace {

Regions& AllRegions() { return Sampler::Get()->regions(); }

// Reading the stack takes at most one part in so many of the time that a region waits to be ended.
constexpr uint64_t kShare = 10;

// Frames that are read at first: few regions wait to be ended within a deep recursion.
constexpr int kFewFrames = 32;

// So many looks have to find no fragile frame before a region is ended on a thread that has had none.
constexpr uint32_t kPoliteLooks = 4;

void Interrupt(void* engine) { static_cast<Engine*>(engine)->Interrupt(Engine::kRegion); }

bool StartsWith(const char* text, const char* start) { return std::strncmp(text, start, std::strlen(start)) == 0; }

bool IsBelow(const char* script, const Text& folder) { return !folder.empty() && StartsWith(script, folder.get()); }

enum class Look { kPolite, kFragile, kDeeper };

Look LookAt(const Engine& engine, const OwnCode& own, int limit) {
  const Stack stack(engine, limit);
  char text[1024];
  int last = 0;
  for (uint32_t i = 0; i < stack.size(); i++) {
    const Stack::Frame frame = stack[i];
    if (frame.script == own.script) {
      const Location at = stack.GetLocation(frame);
      if (at.line == own.call.line && at.column == own.call.column) return Look::kPolite;
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

bool IsPolite(const Engine& engine, const OwnCode& own) {
  Look look = Look::kDeeper;
  for (int limit = kFewFrames; look == Look::kDeeper; limit *= 8) look = LookAt(engine, own, limit);
  return look == Look::kPolite;
}

// V8 comes to terminating at its next look for interrupts. In optimized code, that may be within a function of Node
// that was inlined into the region's code. So where fragile frames were seen, all optimized code is discarded first: it
// takes some 20 ms to come back, which regions of pure computation are spared. Where V8's internal names are hidden, it
// is not possible (docs/blocked-loop.md).
bool IsSure(const Engine& engine, const Regions::Stack* stack, RegionFrame* region) {
  const auto deoptimize = engine.v8().DeoptimizeAll;
  if (deoptimize == nullptr) return true;
  if (!stack->fragile) return ++region->polite >= kPoliteLooks;
  deoptimize(engine.isolate());
  return true;
}

void OnInterrupt(Engine* engine) {
  auto* stack = static_cast<Regions::Stack*>(engine->of[Engine::kRegion]);
  if (stack == nullptr || stack->top == nullptr || !AllRegions().IsOrdered(stack)) return;
  auto* region = static_cast<RegionFrame*>(stack->top);
  const uint64_t start = MonotonicNow();
  if (!IsPolite(*engine, *region->own)) {
    stack->fragile = true;
  } else if (IsSure(*engine, stack, region)) {
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
  const napi_status status = napi_call_function(env, undefined, function, 0, nullptr, result);
  AllRegions().Leave(stack);
  board.CountRegions(-1);
  if (region->terminated) {
    // It may have returned, or thrown, before V8 came to terminating it.
    if (!TakeBack(engine, env, function)) return RegionEnd::kThrew;
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
