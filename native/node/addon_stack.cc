// The stack of a blocked event loop, taken in an interrupt of its thread; see sampler/blocked_stack.h and addon.cc.
#include "node/marshal.h"
#include "node/self_test.h"
#include "node/stack.h"
#include "sampler/blocked_stack.h"
#include "sampler/sampler.h"

namespace tripline {
namespace {

// Longer names are cut off. Paths may be far longer than names.
constexpr size_t kFunctionRoom = 128;
constexpr size_t kFileRoom = 1024;

// All stacks of a thread are in a list.
BlockedStack* FirstOf(Engine* engine) { return static_cast<BlockedStack*>(engine->of[Engine::kStack]); }

void TakeStacks(Engine* engine) {
  for (BlockedStack* each = FirstOf(engine); each != nullptr; each = each->next) {
    StackCopy* copy = each->Begin();
    if (copy == nullptr) continue;
    const Stack stack(*engine, StackCopy::kFrames);
    for (uint32_t i = 0; i < stack.size(); i++) {
      const Stack::Frame frame = stack[i];
      char function[kFunctionRoom], file[kFileRoom];
      stack.GetFunction(frame, function, sizeof(function));
      stack.GetScript(frame, file, sizeof(file));
      const Location location = stack.GetLocation(frame);
      if (!copy->Add(function, file, location.line + 1, location.column + 1)) break;
    }
    each->End();
  }
}

// watchStacks(probe): true, or why stacks cannot be taken here
Napi::Value WatchStacks(const Napi::CallbackInfo& info) {
  auto* instance = info.Env().GetInstanceData<Instance>();
  if (instance->environment.stack != nullptr) return TrueOrReason(info.Env(), true, Failure());
  Failure why;
  Engine* engine = Engine::Hold(info.Env(), &why);
  if (engine != nullptr) instance->engine = engine;
  if (engine == nullptr || !TestEngine(engine, info.Env(), info[0], &why)) return TrueOrReason(info.Env(), false, why);
  Engine::SetHandler(Engine::kStack, TakeStacks);
  auto* stack = new BlockedStack([](void* raw) { static_cast<Engine*>(raw)->Interrupt(Engine::kStack); },
                                 static_cast<void*>(engine));
  stack->next = FirstOf(engine);
  engine->of[Engine::kStack] = stack;
  Sampler::Get()->WatchStacks(&instance->environment, stack);
  return TrueOrReason(info.Env(), true, why);
}

}  // namespace

void ForgetStack(Instance* instance) {
  const BlockedStack* stack = instance->environment.stack.get();
  if (stack == nullptr || instance->engine == nullptr) return;
  void** link = &instance->engine->of[Engine::kStack];
  if (*link == stack) {
    *link = stack->next;
    return;
  }
  for (BlockedStack* each = FirstOf(instance->engine); each != nullptr; each = each->next) {
    if (each->next == stack) each->next = stack->next;
  }
}

Napi::Value ToFrames(Napi::Env env, const StackCopy& stack) {
  auto frames = Napi::Array::New(env);
  for (uint32_t i = 0; i < stack.count; i++) {
    const StackCopy::Frame& frame = stack.frames[i];
    ResultObject item(env);
    item.SetText("function", stack.texts + frame.function);
    item.SetText("file", stack.texts + frame.file);
    item.SetCount("line", static_cast<uint64_t>(frame.line));
    item.SetCount("column", static_cast<uint64_t>(frame.column));
    frames.Set(i, Napi::Value(item));
  }
  return frames;
}

void ExportStack(Napi::Object exports) { Export(exports, "watchStacks", WatchStacks); }

}  // namespace tripline
