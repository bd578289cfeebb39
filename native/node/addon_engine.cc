// The Node-API layer of what reaches V8; see addon.cc.
#include <limits>

#include "node/heap.h"
#include "node/marshal.h"
#include "node/self_test.h"
#include "node/stack.h"
#include "port/spawn.h"
#include "sampler/sampler.h"

namespace tripline {
namespace {

Instance* InstanceOf(napi_env env) { return Napi::Env(env).GetInstanceData<Instance>(); }

// testEngine(probe, path, url): true, or why V8 cannot be reached
Napi::Value TestEngineFor(const Napi::CallbackInfo& info) {
  Instance* instance = InstanceOf(info.Env());
  const TextArgument path(info, 1);
  const TextArgument url(info, 2);
  instance->own.path.Set(path.get());
  instance->own.url.Set(url.get());
  Failure why;
  Engine* engine = Engine::Hold(info.Env(), &why);
  if (engine != nullptr) instance->engine = engine;
  return TrueOrReason(info.Env(), engine != nullptr && TestEngine(engine, info.Env(), info[0], &why), why);
}

// ---- regions -------------------------------------------------------------------------------------------------------

constexpr size_t kTestFields = 4;
enum TestKind { kTime, kShared, kGuard, kSignal };

// Tests are four numbers each: kind, two values, whether the term ends. The values of a time: milliseconds; of shared
// memory: the index of its array in `arrays`, and of the word; of a guard: its flag, and the breaches that do not
// count; of a signal: its number, and the signals that do not count.
bool ReadTests(napi_env env, napi_value numbers, napi_value arrays, List<Regions::Test>* tests) {
  const Numbers<double> all(env, numbers);
  const double* each = all.data();
  for (size_t count = all.size; count >= kTestFields; count -= kTestFields, each += kTestFields) {
    const auto first = static_cast<uint32_t>(each[1]);
    Regions::Test test = {};
    test.last = each[3] != 0;
    switch (static_cast<int>(each[0])) {
      case kTime:
        test.kind = Regions::Test::kTime;
        test.value = ToNanoseconds(each[1]);
        break;
      case kShared: {
        test.kind = Regions::Test::kWord;
        napi_value array = nullptr;
        if (napi_get_element(env, arrays, first, &array) != napi_ok) return false;
        const Numbers<int32_t> words(env, array);
        const auto at = static_cast<size_t>(each[2]);
        if (at >= words.size) return false;
        test.word = words.data() + at;
        break;
      }
      case kGuard:
        test.kind = Regions::Test::kFlag;
        test.flag = first;
        test.value = static_cast<uint64_t>(each[2]);
        break;
      default:
        test.kind = Regions::Test::kWord;
        test.word = SignalsReceived(static_cast<int>(first));
        test.value = static_cast<uint32_t>(static_cast<int32_t>(each[2]));
        if (test.word == nullptr) return false;
    }
    tests->push_back(test);
  }
  return true;
}

void FindOwnCall(Instance* instance) {
  const Stack stack(*instance->engine, 1);
  if (stack.size() == 0) return;
  instance->own.call = stack.GetLocation(stack[0]);
  instance->own.script = stack[0].script;
}

// region(fn, due, tests, arrays): what `fn` returns; or why it was not called, in an array. Without `tests`, only the
// time `due` is one. Called directly, because it may be called a million times per second.
napi_value CallRegion(napi_env env, napi_callback_info raw) {
  size_t count = 4;
  napi_value arguments[4] = {};
  Instance* instance = nullptr;
  napi_get_cb_info(env, raw, &count, arguments, nullptr, reinterpret_cast<void**>(&instance));
  // testEngine() was never called.
  if (instance->engine == nullptr) return nullptr;
  if (instance->own.script == 0) FindOwnCall(instance);
  RegionFrame region;
  region.environment = &instance->environment;
  region.own = &instance->own;
  double due = 0;
  napi_get_value_double(env, arguments[1], &due);
  napi_valuetype type = napi_undefined;
  napi_typeof(env, arguments[2], &type);
  if (type != napi_undefined) {
    if (!ReadTests(env, arguments[2], arguments[3], &region.tests)) return nullptr;
  } else if (due < std::numeric_limits<double>::infinity()) {
    region.tests.push_back({Regions::Test::kTime, true, ToNanoseconds(due), nullptr, 0});
  }
  napi_value result = nullptr;
  Failure why;
  const RegionEnd end = CallInRegion(instance->engine, env, arguments[0], &region, &result, &why);
  switch (end) {
    case RegionEnd::kEnded:
    case RegionEnd::kEndedWithOuter:
      instance->environment.board.EndRegion(end == RegionEnd::kEnded ? 1 : 2, region.term);
      return nullptr;
    case RegionEnd::kRefused:
      instance->environment.board.EndRegion(3, 0);
      napi_create_string_utf8(env, why.text, NAPI_AUTO_LENGTH, &result);
      return result;
    default: return result;
  }
}

// The region of the given depth, or nullptr.
RegionFrame* RegionAt(const Instance* instance, const Napi::CallbackInfo& info) {
  const uint32_t depth = ToUint32(info, 0);
  return instance->engine == nullptr ? nullptr : FindRegion(instance->engine, &instance->environment, depth);
}

// watchRegion(depth, tests, arrays)
void WatchRegion(const Napi::CallbackInfo& info) {
  Instance* instance = InstanceOf(info.Env());
  RegionFrame* region = RegionAt(instance, info);
  List<Regions::Test> tests;
  Failure ignored;
  if (region == nullptr || !ReadTests(info.Env(), info[1], info[2], &tests)) return;
  Sampler::Get()->regions().Watch(region, &tests, &ignored);
  // Until the next interrupt, if it is still to end.
  instance->environment.board.OrderRegion(false);
}

// orderRegion(depth)
void OrderRegionAt(const Napi::CallbackInfo& info) {
  Instance* instance = InstanceOf(info.Env());
  RegionFrame* region = RegionAt(instance, info);
  if (region != nullptr) OrderRegion(instance->engine, region);
}

// asyncContextPop(): Node's function that takes an id off its stack of async ids; undefined where it cannot be reached
Napi::Value AsyncContextPop(const Napi::CallbackInfo& info) {
  const Engine* engine = InstanceOf(info.Env())->engine;
  // testEngine() was never called.
  if (engine == nullptr) return info.Env().Undefined();
  const V8& v8 = engine->v8();
  if (v8.PopAsyncContext == nullptr || v8.GetCurrentContext == nullptr || v8.NewFunction == nullptr)
    return info.Env().Undefined();
  Value* pop = v8.NewFunction(v8.GetCurrentContext(engine->isolate()), v8.PopAsyncContext, nullptr, 0, 0, 0);
  return Napi::Value(info.Env(), reinterpret_cast<napi_value>(pop));
}

// watchHeap(on, collect): whether V8 was given room since the last call
Napi::Value SetHeapWatch(const Napi::CallbackInfo& info) {
  return Napi::Value::From(info.Env(), WatchHeap(InstanceOf(info.Env()), ToBool(info, 0), ToBool(info, 1)));
}

// signalsReceived(signal): how many, or -1 where they cannot be counted
Napi::Value CountSignals(const Napi::CallbackInfo& info) {
  const int32_t* count = SignalsReceived(ToInt32(info, 0));
  return Napi::Number::New(info.Env(), count == nullptr ? -1 : __atomic_load_n(count, __ATOMIC_ACQUIRE));
}

}  // namespace

void ExportEngine(Napi::Object exports) {
  Export(exports, "testEngine", TestEngineFor);
  Export(exports, "watchRegion", WatchRegion);
  Export(exports, "orderRegion", OrderRegionAt);
  Export(exports, "asyncContextPop", AsyncContextPop);
  Export(exports, "watchHeap", SetHeapWatch);
  Export(exports, "signalsReceived", CountSignals);
  napi_value region = nullptr;
  napi_create_function(exports.Env(), "region", NAPI_AUTO_LENGTH, CallRegion, InstanceOf(exports.Env()), &region);
  exports.Set("region", Napi::Value(exports.Env(), region));
}

}  // namespace tripline
