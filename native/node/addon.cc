// The Node-API face: arguments in, values out, no logic. src/monitor/native.ts describes the functions and is the only
// caller; it has checked every argument, so that a wrong one here is a defect and reads as 0.
#include <node_api.h>

#include "node/marshal.h"
#include "port/platform.h"
#include "sampler/sampler.h"
#include "util/list.h"

namespace tripline {
namespace {

// ---- the environment -----------------------------------------------------------------------------------------------

void CallDeliver(napi_env env, napi_value callback, void*, void*) {
  if (env != nullptr && callback != nullptr) CallListener(env, callback, 0, nullptr);
}

// Runs when the environment ends by itself or its worker is terminated; not on process.exit() or a fatal signal.
void EndEnvironment(void* raw) {
  auto* instance = static_cast<Instance*>(raw);
  Sampler::Get()->RemoveEnvironment(&instance->environment);
  // Nobody notifies any more, so the function is ours alone.
  if (instance->deliver != nullptr) napi_release_threadsafe_function(instance->deliver, napi_tsfn_abort);
  instance->deliver = nullptr;
  if (instance->board != nullptr) napi_delete_reference(instance->env, instance->board);
  instance->board = nullptr;
}

void DeleteInstance(napi_env, void* raw, void*) { delete static_cast<Instance*>(raw); }

// attach(board, deliver): `deliver` is only taken the first time.
napi_value Attach(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  Instance* instance = in.instance;
  size_t length = 0;
  auto* words = in.Array<int32_t>(0, &length);
  if (instance->deliver == nullptr) {
    napi_value name = Text(env, "tripline");
    napi_create_threadsafe_function(env, in.values[1], nullptr, name, 0, 1, nullptr, nullptr, nullptr, CallDeliver,
                                    &instance->deliver);
    // A guard never keeps a process alive by itself.
    napi_unref_threadsafe_function(env, instance->deliver);
  }
  napi_ref old = instance->board;
  napi_create_reference(env, in.values[0], 1, &instance->board);
  Sampler::Get()->AttachBoard(&instance->environment, words, length);
  if (old != nullptr) napi_delete_reference(env, old);
  return nullptr;
}

// ---- series and guards ---------------------------------------------------------------------------------------------

// subscribe(metric, name, pid, tree, windowMs, cell, mustExist): id, or why not
napi_value Subscribe(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  const std::unique_ptr<char[]> name = in.Text(1);
  Selector selector;
  selector.environment = &in.instance->environment;
  selector.name = name.get();
  selector.pid = static_cast<int64_t>(in.Number(2));
  selector.tree = in.Boolean(3);
  Failure why;
  const uint32_t id = Sampler::Get()->Subscribe(&in.instance->environment, static_cast<Metric>(in.Integer(0)), selector,
                                                in.Duration(4), in.Integer(5), in.Boolean(6), &why);
  return id == 0 ? Refusal(env, why) : Number(env, id);
}

// unsubscribe(id)
napi_value Unsubscribe(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  Sampler::Get()->Unsubscribe(in.Integer(0));
  return nullptr;
}

// setPeriod(id, ms | Infinity): true, or why not
napi_value SetPeriod(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  Failure why;
  const bool done = Sampler::Get()->SetPeriod(in.Integer(0), in.Duration(1), &why);
  return done ? Boolean(env, true) : Refusal(env, why);
}

// describe(id): { period, minPeriod, origin, why }
napi_value Describe(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  const SubscriptionInfo found = Sampler::Get()->InfoOf(in.Integer(0));
  Object result(env);
  result.Set("period", ToMilliseconds(found.period));
  result.Set("minPeriod", ToMilliseconds(found.min_period));
  result.Set("origin", found.origin);
  result.Set("why", found.failure.text);
  return result.value;
}

// canPush(metric): true, or why not
napi_value CanPush(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  Failure why;
  const bool can = Sampler::Get()->CanPush(static_cast<Metric>(in.Integer(0)), &why);
  return can ? Boolean(env, true) : Refusal(env, why);
}

// request(number, subscriptions: Uint32Array): true, or why not
napi_value Request(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  size_t count = 0;
  const auto* subscriptions = in.Array<uint32_t>(1, &count);
  Failure why;
  const bool done = Sampler::Get()->Request(&in.instance->environment, in.Integer(0), subscriptions,
                                            static_cast<uint32_t>(count), &why);
  return done ? Boolean(env, true) : Refusal(env, why);
}

// addGuard(all, withinMs, intervalMs, minHoldMs, flag, limits: Float64Array of 7 numbers each): id, or why not.
// A limit: subscription, above, enter, exit, forMs, clearForMs, onMissing.
napi_value AddGuard(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  GuardSpec spec;
  spec.all = in.Boolean(0);
  spec.within = in.Duration(1);
  spec.interval = in.Duration(2);
  spec.min_hold = in.Duration(3);
  spec.flag = in.Integer(4);
  constexpr size_t kFields = 7;
  size_t length = 0;
  const auto* numbers = in.Array<double>(5, &length);
  List<LimitRequest> limits(length / kFields);
  for (LimitRequest& each : limits) {
    each.subscription = static_cast<uint32_t>(numbers[0]);
    each.spec.above = numbers[1] != 0;
    each.spec.enter = numbers[2];
    each.spec.exit = numbers[3];
    each.spec.dwell = Arguments::ToNanoseconds(numbers[4]);
    each.spec.clear_dwell = Arguments::ToNanoseconds(numbers[5]);
    each.on_missing = static_cast<OnMissing>(numbers[6]);
    numbers += kFields;
  }
  Failure why;
  const uint32_t id = Sampler::Get()->AddGuard(&in.instance->environment, spec, limits.data(),
                                               static_cast<uint32_t>(limits.size()), &why);
  return id == 0 ? Refusal(env, why) : Number(env, id);
}

// removeGuard(id)
napi_value RemoveGuard(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  Sampler::Get()->RemoveGuard(in.Integer(0));
  return nullptr;
}

// evidence(guard): [{ limit, value, since, at, origin, recent, breached }] of its latest breach
napi_value GetEvidence(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  Array result(env);
  for (const EvidenceCopy& each : Sampler::Get()->EvidenceOf(in.Integer(0))) {
    Object item(env);
    item.Set("limit", each.limit);
    item.Set("value", each.evidence.value);
    item.Set("since", ToMilliseconds(each.evidence.since));
    item.Set("at", ToMilliseconds(each.evidence.at));
    item.Set("origin", each.evidence.origin);
    Array recent(env);
    for (uint32_t i = 0; i < each.evidence.recent_count; i++) recent.Add(Number(env, each.evidence.recent[i]));
    item.Set("recent", recent.value);
    item.Set("breached", Boolean(env, each.breached));
    result.Add(item.value);
  }
  return result.value;
}

// drain(): { guards: ids with news, answers: requests that are done, beat: whether a sign of life is wanted }
napi_value Drain(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  const News news = Sampler::Get()->Drain(&in.instance->environment);
  Array guards(env);
  for (const uint32_t id : news.guards) guards.Add(Number(env, id));
  Array answers(env);
  for (const uint32_t request : news.answers) answers.Add(Number(env, request));
  Object result(env);
  result.Set("guards", guards.value);
  result.Set("answers", answers.value);
  result.Set("beat", Boolean(env, news.beat));
  return result.value;
}

// beat(idleMs, heapPercent): the answer to a drain that said `beat`
napi_value TakeHeartbeat(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  Sampler::Get()->TakeHeartbeat(&in.instance->environment, in.Number(0), in.Number(1));
  return nullptr;
}

// now(): the sampler's clock, in milliseconds
napi_value Now(napi_env env, napi_callback_info) { return Number(env, ToMilliseconds(MonotonicNow())); }

// stats(): what the sampler does and costs
napi_value Stats(napi_env env, napi_callback_info) {
  const SamplerStats stats = Sampler::Get()->Stats();
  Object result(env);
  result.Set("running", Boolean(env, stats.running));
  result.Set("wakeups", static_cast<double>(stats.wakeups));
  result.Set("rings", static_cast<double>(stats.rings));
  result.Set("reads", static_cast<double>(stats.reads));
  result.Set("cpu", ToMilliseconds(stats.cpu));
  result.Set("stretch", stats.stretch);
  result.Set("guards", stats.guards);
  result.Set("limits", stats.limits);
  result.Set("series", stats.series);
  result.Set("tickers", stats.tickers);
  result.Set("timerSlack", ToMilliseconds(stats.punctuality.timer_slack));
  result.Set("slice", ToMilliseconds(stats.punctuality.slice));
  result.Set("realTime", Boolean(env, stats.punctuality.real_time));
  return result.value;
}

// metrics(): the rows of metrics.def
napi_value Metrics(napi_env env, napi_callback_info) {
  Array result(env);
  for (const MetricInfo& each : kMetrics) {
    Object item(env);
    item.Set("name", each.name);
    item.Set("unit", each.unit);
    item.Set("kind", each.kind == kLevel ? "level" : each.kind == kRatio ? "ratio" : "rate");
    item.Set("worse", each.worse == kAbove ? "above" : "below");
    item.Set("minPeriod", each.min_period_ms);
    item.Set("window", each.window_ms);
    item.Set("for", each.for_ms);
    result.Add(item.value);
  }
  return result.value;
}

void Export(napi_env env, napi_value exports, const NativeFunction* functions) {
  for (const NativeFunction* each = functions; each->name[0] != 0; each++) {
    napi_value function = nullptr;
    napi_create_function(env, each->name, NAPI_AUTO_LENGTH, each->function, nullptr, &function);
    napi_set_named_property(env, exports, each->name, function);
  }
}

}  // namespace
}  // namespace tripline

NAPI_MODULE_INIT() {
  using namespace tripline;
  PinLibrary();
  auto* instance = new Instance(env);
  napi_set_instance_data(env, instance, DeleteInstance, nullptr);
  napi_add_env_cleanup_hook(env, EndEnvironment, instance);

  static const NativeFunction kFunctions[] = {
      {"attach", Attach},
      {"subscribe", Subscribe},
      {"unsubscribe", Unsubscribe},
      {"setPeriod", SetPeriod},
      {"describe", Describe},
      {"request", Request},
      {"addGuard", AddGuard},
      {"removeGuard", RemoveGuard},
      {"evidence", GetEvidence},
      {"drain", Drain},
      {"now", Now},
      {"stats", Stats},
      {"metrics", Metrics},
      {"canPush", CanPush},
      {"beat", TakeHeartbeat},
      {"", nullptr},
  };
  Export(env, exports, kFunctions);
  Export(env, exports, kScheduleFunctions);
  Export(env, exports, kSpawnFunctions);
  return exports;
}
