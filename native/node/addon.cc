// The Node-API layer: arguments in, values out, no logic. src/addon/native.ts describes the functions and is the only
// intended caller, which has checked every argument. Sizes and places of memory are checked again, so that calls with
// nonsense are refused or have no effect, and do not end the process.
#include <napi.h>

#include <memory>

#include "node/contract.h"
#include "node/marshal.h"
#include "port/platform.h"
#include "sampler/sampler.h"
#include "util/list.h"

namespace tripline {
namespace {

// ---- the environment -----------------------------------------------------------------------------------------------

// Runs when the environment ends by itself or its worker is terminated; not on process.exit() or a fatal signal.
void EndEnvironment(Instance* instance) { instance->End(); }

// The idle time of the environment's loop, where the host lets other threads read it.
void WatchLoop(Napi::Env env, Environment* environment) {
  IdleClock clock;
  *reinterpret_cast<void**>(&clock.read) = FindInHost("uv_metrics_idle_time");
  uv_loop_s* loop = nullptr;
  if (clock.read == nullptr || napi_get_uv_event_loop(env, &loop) != napi_ok) return;
  clock.loop = loop;
  Sampler::Get()->WatchLoop(environment, clock);
}

// attach(board, deliver, onLibuv): `board` holds the board's memory, and is the resource of all deliveries for
// async_hooks. `deliver` is only used the first time, and its caller keeps it alive. `onLibuv`: the loop is one of
// libuv; other hosts may export its functions, as stubs that end the process.
void Attach(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto* instance = env.GetInstanceData<Instance>();
  if (instance->deliver == nullptr) {
    instance->deliver = Instance::Deliver::New(env, info[0].As<Napi::Object>(), "tripline", 0, 1);
    // A guard never keeps a process alive by itself.
    if (instance->deliver != nullptr) instance->deliver.Unref(env);
    instance->listener = Napi::Weak(info[1].As<Napi::Function>());
    if (ToBool(info, 2)) WatchLoop(env, &instance->environment);
  }
  const Numbers<uint8_t> bytes(info, 0);
  Napi::ObjectReference board = Napi::Persistent(info[0].As<Napi::Object>());
  // The sampler may only write to memory that is kept alive.
  if (board.IsEmpty()) return;
  Sampler::Get()->AttachBoard(&instance->environment, reinterpret_cast<int32_t*>(bytes.data()),
                              bytes.size / sizeof(int32_t));
  instance->board = std::move(board);
}

// ---- series and guards ---------------------------------------------------------------------------------------------

// False, with an exception, if the argument is not the number of a metric.
bool ReadMetric(const Napi::CallbackInfo& info, Metric* metric) {
  const uint32_t number = ToUint32(info, 0);
  *metric = static_cast<Metric>(number);
  if (number < kMetricCount) return true;
  Check(info.Env(), napi_invalid_arg);
  return false;
}

// subscribe(metric, name, pid, tree, windowMs, cell, mustExist): id, or why not
Napi::Value Subscribe(const Napi::CallbackInfo& info) {
  Environment* environment = EnvironmentOf(info);
  const TextArgument name(info, 1);
  Metric metric;
  if (name.get() == nullptr || !ReadMetric(info, &metric)) return Napi::Value();
  Selector selector;
  selector.environment = environment;
  selector.name = name.get();
  selector.pid = static_cast<int64_t>(ToDouble(info, 2));
  selector.tree = ToBool(info, 3);
  Failure why;
  const uint32_t id = Sampler::Get()->Subscribe(environment, metric, selector, ToDuration(info, 4), ToUint32(info, 5),
                                                ToBool(info, 6), &why);
  return IdOrReason(info.Env(), id, why);
}

// unsubscribe(id)
void Unsubscribe(const Napi::CallbackInfo& info) { Sampler::Get()->Unsubscribe(ToUint32(info, 0)); }

// setPeriod(id, ms | Infinity): true, or why not
Napi::Value SetPeriod(const Napi::CallbackInfo& info) {
  Failure why;
  const bool done = Sampler::Get()->SetPeriod(ToUint32(info, 0), ToDuration(info, 1), &why);
  return TrueOrReason(info.Env(), done, why);
}

// describe(id): { period, minPeriod, origin, why }
Napi::Value Describe(const Napi::CallbackInfo& info) {
  const SubscriptionInfo found = Sampler::Get()->InfoOf(ToUint32(info, 0));
  ResultObject result(info.Env());
  result.SetTime("period", found.period);
  result.SetTime("minPeriod", found.min_period);
  result.SetText("origin", found.origin);
  result.SetText("why", found.failure.text);
  return result;
}

// canPush(metric): true, or why not
Napi::Value CanPush(const Napi::CallbackInfo& info) {
  Metric metric;
  if (!ReadMetric(info, &metric)) return Napi::Value();
  Failure why;
  const bool can = Sampler::Get()->CanPush(metric, &why);
  return TrueOrReason(info.Env(), can, why);
}

// request(number, subscriptions: Uint32Array): true, or why not
Napi::Value Request(const Napi::CallbackInfo& info) {
  const Numbers<uint32_t> subscriptions(info, 1);
  Failure why;
  const bool done = Sampler::Get()->Request(EnvironmentOf(info), ToUint32(info, 0), subscriptions.data(),
                                            static_cast<uint32_t>(subscriptions.size), &why);
  return TrueOrReason(info.Env(), done, why);
}

// addGuard(all, withinMs, intervalMs, minHoldMs, flag, limits: Float64Array of 8 numbers each, breaches, reaction): id,
// or why not. `reaction`: the handle of a command that it ends or pauses, true for the watchdog, or undefined. A limit:
// subscription (0: it is played; 2^32 - 1: a condition), above, enter, exit, forMs, clearForMs, onMissing, stack.
Napi::Value AddGuard(const Napi::CallbackInfo& info) {
  GuardSpec spec;
  spec.all = ToBool(info, 0);
  spec.within = ToDuration(info, 1);
  spec.interval = ToDuration(info, 2);
  spec.min_hold = ToDuration(info, 3);
  spec.flag = ToUint32(info, 4);
  spec.breaches = ToUint32(info, 6);
  constexpr size_t kFields = 8;
  const Numbers<double> array(info, 5);
  const double* numbers = array.data();
  // They could not be read, because the environment is ending.
  if (numbers == nullptr || array.size < kFields || (spec.within == 0 && spec.interval == 0)) return Napi::Value();
  List<LimitRequest> limits(array.size / kFields);
  for (LimitRequest& each : limits) {
    each.subscription = static_cast<uint32_t>(numbers[0]);
    each.spec.above = numbers[1] != 0;
    each.spec.enter = numbers[2];
    each.spec.exit = numbers[3];
    each.spec.dwell = ToNanoseconds(numbers[4]);
    each.spec.clear_dwell = ToNanoseconds(numbers[5]);
    each.on_missing = static_cast<OnMissing>(numbers[6]);
    each.stack = numbers[7] != 0;
    numbers += kFields;
  }
  Failure why;
  spec.reaction = ReactionOf(info[7]);
  const uint32_t id =
      Sampler::Get()->AddGuard(EnvironmentOf(info), spec, limits.data(), static_cast<uint32_t>(limits.size()), &why);
  if (id == 0 && spec.reaction != nullptr) spec.reaction->LetGo();
  return IdOrReason(info.Env(), id, why);
}

// removeGuard(id)
void RemoveGuard(const Napi::CallbackInfo& info) { Sampler::Get()->RemoveGuard(ToUint32(info, 0)); }

// playGuard(id, now, gapMs, values: Float64Array): the time after `now` at which it would change by itself, or Infinity
Napi::Value PlayGuard(const Napi::CallbackInfo& info) {
  const Numbers<double> values(info, 3);
  if (values.data() == nullptr) return Napi::Value();
  const uint64_t end = Sampler::Get()->PlayGuard(ToUint32(info, 0), ToDuration(info, 1), ToDuration(info, 2),
                                                 values.data(), values.size);
  return Napi::Number::New(info.Env(), ToMillisecondsOrNever(end));
}

// stepCondition(guard, limit, value, lateMs, atMs): whether this check has crossed the limit
Napi::Value StepCondition(const Napi::CallbackInfo& info) {
  const bool proven = Sampler::Get()->StepCondition(ToUint32(info, 0), ToUint32(info, 1), ToDouble(info, 2),
                                                    ToDuration(info, 3), ToDuration(info, 4));
  return Napi::Boolean::New(info.Env(), proven);
}

// evidence(guard): [{ limit, value, since, at, origin, recent, breached, blocked, stack }] of its latest breach
Napi::Value GetEvidence(const Napi::CallbackInfo& info) {
  auto result = Napi::Array::New(info.Env());
  for (const EvidenceCopy& each : Sampler::Get()->EvidenceOf(ToUint32(info, 0))) {
    const Evidence& evidence = each.evidence;
    ResultObject item(info.Env());
    item.SetCount("limit", each.limit);
    item.SetNumber("value", evidence.value);
    item.SetTime("since", evidence.since);
    item.SetTime("at", evidence.at);
    item.SetText("origin", evidence.origin);
    item.Set("recent", ToArray(info.Env(), evidence.recent, evidence.recent_count));
    item.SetBool("breached", each.breached);
    if (each.blocked != 0) item.SetTime("blocked", each.blocked);
    if (each.stack != nullptr) item.Set("stack", ToFrames(info.Env(), *each.stack));
    result.Set(result.Length(), Napi::Value(item));
  }
  return result;
}

// drain(): { guards: ids with events, answers: requests that are done, figures: whether figures() has to be called }
Napi::Value Drain(const Napi::CallbackInfo& info) {
  const News news = Sampler::Get()->Drain(EnvironmentOf(info));
  ResultObject result(info.Env());
  result.Set("guards", ToArray(info.Env(), news.guards.data(), news.guards.size()));
  result.Set("answers", ToArray(info.Env(), news.answers.data(), news.answers.size()));
  result.SetBool("figures", news.figures);
  return result;
}

// figures(idleMs, heapUsed, heapLimit)
void TakeFigures(const Napi::CallbackInfo& info) {
  LoopFigures figures;
  figures.idle_ms = ToDouble(info, 0);
  figures.heap_used = ToDouble(info, 1);
  figures.heap_limit = ToDouble(info, 2);
  Sampler::Get()->TakeFigures(EnvironmentOf(info), figures);
}

// now(): the sampler's clock, in milliseconds
Napi::Value Now(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), ToMilliseconds(MonotonicNow()));
}

// stats(): what the sampler does and costs
Napi::Value Stats(const Napi::CallbackInfo& info) {
  const SamplerStats stats = Sampler::Get()->Stats();
  ResultObject result(info.Env());
  result.SetBool("running", stats.running);
  result.SetCount("wakeups", stats.wakeups);
  result.SetCount("rings", stats.rings);
  result.SetCount("reads", stats.reads);
  result.SetTime("cpu", stats.cpu);
  result.SetNumber("stretch", stats.stretch);
  result.SetCount("guards", stats.guards);
  result.SetCount("limits", stats.limits);
  result.SetCount("series", stats.series);
  result.SetCount("tickers", stats.tickers);
  result.SetTime("timerSlack", stats.punctuality.timer_slack);
  result.SetTime("slice", stats.punctuality.slice);
  result.SetBool("realTime", stats.punctuality.real_time);
  result.SetBool("memoryLocked", !stats.unlocked.failed());
  result.SetText("memoryLockedWhy", stats.unlocked.text);
  return result;
}

// metrics(): the names of metrics.def, in its order
Napi::Value Metrics(const Napi::CallbackInfo& info) {
  auto result = Napi::Array::New(info.Env(), kMetricCount);
  for (uint32_t i = 0; i < kMetricCount; i++) {
    // A plain value, because Set() would convert a Napi::String to a std::string and back.
    const Napi::Value name = Napi::String::New(info.Env(), kMetrics[i].name);
    result.Set(i, name);
  }
  return result;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  PinLibrary();
  auto* instance = new Instance(env);
  env.SetInstanceData(instance);
  env.AddCleanupHook(EndEnvironment, instance);

  Export(exports, "attach", Attach);
  Export(exports, "subscribe", Subscribe);
  Export(exports, "unsubscribe", Unsubscribe);
  Export(exports, "setPeriod", SetPeriod);
  Export(exports, "describe", Describe);
  Export(exports, "canPush", CanPush);
  Export(exports, "request", Request);
  Export(exports, "addGuard", AddGuard);
  Export(exports, "removeGuard", RemoveGuard);
  Export(exports, "playGuard", PlayGuard);
  Export(exports, "stepCondition", StepCondition);
  Export(exports, "evidence", GetEvidence);
  Export(exports, "drain", Drain);
  Export(exports, "figures", TakeFigures);
  Export(exports, "now", Now);
  Export(exports, "stats", Stats);
  Export(exports, "metrics", Metrics);
  exports.Set("contract", Napi::Value::From(env, kContract));
  ExportSchedule(exports);
  ExportEngine(exports);
  ExportFlightLog(exports);
  ExportStack(exports);
  ExportSpawn(exports);
  ExportWatchdog(exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(tripline, Init)

}  // namespace tripline
