#include "node/self_test.h"

#include "node/stack.h"

namespace tripline {
namespace {

struct Trial {
  bool called = false;  // whether the interrupt has come
  bool read = false;    // whether it could read the stack
};

void OnInterrupt(Engine* engine) {
  auto* trial = static_cast<Trial*>(engine->of[Engine::kSelfTest]);
  if (trial == nullptr) return;
  trial->called = true;
  const Stack stack(*engine, 1);
  char script[8];
  if (stack.size() == 1 && stack[0].script > 0) {
    stack.GetScript(stack[0], script, sizeof(script));
    trial->read = script[0] != '\0' && stack.GetLocation(stack[0]).line >= 0;
  }
  engine->v8().TerminateExecution(engine->isolate());
}

bool Call(napi_env env, napi_value probe) {
  napi_value undefined = nullptr;
  napi_get_undefined(env, &undefined);
  napi_value result = nullptr;
  return napi_call_function(env, undefined, probe, 0, nullptr, &result) == napi_ok;
}

const char* Misbehaving(Engine* engine, napi_env env, napi_value probe) {
  const V8& v8 = engine->v8();
  Isolate* isolate = engine->isolate();
  Trial trial;
  Engine::SetHandler(Engine::kSelfTest, OnInterrupt);
  engine->of[Engine::kSelfTest] = &trial;
  engine->Interrupt(Engine::kSelfTest);
  const bool returned = Call(env, probe);
  engine->of[Engine::kSelfTest] = nullptr;
  if (!trial.called) return "RequestInterrupt() of V8 had no effect";
  const bool terminating = v8.IsExecutionTerminating(isolate);
  v8.CancelTerminateExecution(isolate);
  napi_value ignored = nullptr;
  napi_get_and_clear_last_exception(env, &ignored);
  if (returned || !terminating) return "TerminateExecution() of V8 had no effect";
  if (v8.IsExecutionTerminating(isolate) || !Call(env, probe)) return "CancelTerminateExecution() of V8 had no effect";
  return trial.read ? nullptr : "v8::StackTrace cannot be read";
}

}  // namespace

bool TestEngine(Engine* engine, napi_env env, napi_value probe, Failure* why) {
  if (engine->tested) return true;
  const char* wrong = Misbehaving(engine, env, probe);
  if (wrong != nullptr) why->Set(wrong);
  engine->tested = wrong == nullptr;
  return engine->tested;
}

}  // namespace tripline
