// The Node-API layer of what reaches V8; see addon.cc.
#include "node/marshal.h"
#include "node/self_test.h"

namespace tripline {
namespace {

// testEngine(probe): true, or why V8 cannot be reached
Napi::Value TestEngineFor(const Napi::CallbackInfo& info) {
  auto* instance = info.Env().GetInstanceData<Instance>();
  Failure why;
  Engine* engine = Engine::Hold(info.Env(), &why);
  if (engine != nullptr) instance->engine = engine;
  return TrueOrReason(info.Env(), engine != nullptr && TestEngine(engine, info.Env(), info[0], &why), why);
}

}  // namespace

void ExportEngine(Napi::Object exports) { Export(exports, "testEngine", TestEngineFor); }

}  // namespace tripline
