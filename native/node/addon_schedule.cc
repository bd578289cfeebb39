// The Node-API face of tickers and recorders; see addon.cc.
#include <node_api.h>

#include "node/marshal.h"
#include "sampler/sampler.h"

namespace tripline {
namespace {

Tickers& AllTickers() { return Sampler::Get()->tickers(); }
Recorders& AllRecorders() { return Sampler::Get()->recorders(); }

// A tick as JavaScript reads it: 4 numbers.
constexpr size_t kTickFields = 4;

double* WriteTick(const Tick& tick, double* out) {
  *out++ = tick.id;
  *out++ = static_cast<double>(tick.beats.count);
  *out++ = static_cast<double>(tick.beats.index);
  *out++ = ToMilliseconds(tick.beats.due);
  return out;
}

// ---- tickers -------------------------------------------------------------------------------------------------------

// addTicker(periodMs, delay, realTime): id, or why not
napi_value AddTicker(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  Failure why;
  const TickerSpec spec{in.Duration(0), in.Boolean(1), in.Boolean(2)};
  const uint32_t id = AllTickers().Add(&in.instance->environment, spec, &why);
  return id == 0 ? Refusal(env, why) : Number(env, id);
}

// removeTicker(id)
napi_value RemoveTicker(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  AllTickers().Remove(in.Integer(0));
  return nullptr;
}

// setTickerPeriod(id, ms)
napi_value SetTickerPeriod(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  AllTickers().SetPeriod(in.Integer(0), in.Duration(1));
  return nullptr;
}

// pauseTicker(id)
napi_value PauseTicker(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  AllTickers().Pause(in.Integer(0));
  return nullptr;
}

// resumeTicker(id, earliestMs)
napi_value ResumeTicker(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  AllTickers().Resume(in.Integer(0), in.Duration(1));
  return nullptr;
}

// holdTicker(id)
napi_value HoldTicker(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  AllTickers().Hold(in.Integer(0));
  return nullptr;
}

// releaseTicker(id, ticks: Float64Array): how many ticks it wrote, 0 or 1
napi_value ReleaseTicker(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  size_t length = 0;
  auto* out = in.Array<double>(1, &length);
  const Tick tick{in.Integer(0), AllTickers().Release(in.Integer(0))};
  if (tick.beats.count == 0 || length < kTickFields) return Number(env, 0);
  WriteTick(tick, out);
  return Number(env, 1);
}

// takeTicks(ticks: Float64Array): how many it wrote; as many as there is room for mean that there may be more
napi_value TakeTicks(napi_env env, napi_callback_info info) {
  constexpr uint32_t kAtOnce = 64;
  const Arguments in(env, info);
  size_t length = 0;
  auto* out = in.Array<double>(0, &length);
  const size_t room = length / kTickFields;
  Tick ticks[kAtOnce];
  const uint32_t count =
      AllTickers().Take(&in.instance->environment, ticks, room < kAtOnce ? static_cast<uint32_t>(room) : kAtOnce);
  for (uint32_t i = 0; i < count; i++) out = WriteTick(ticks[i], out);
  return Number(env, count);
}

// ---- recorders -----------------------------------------------------------------------------------------------------

// addRecorder(intervalMs, batch, subscriptions: Uint32Array): id, or why not
napi_value AddRecorder(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  size_t count = 0;
  const auto* subscriptions = in.Array<uint32_t>(2, &count);
  Failure why;
  const uint32_t id = AllRecorders().Add(&in.instance->environment, in.Duration(0), in.Integer(1), subscriptions,
                                         static_cast<uint32_t>(count), &why);
  return id == 0 ? Refusal(env, why) : Number(env, id);
}

// removeRecorder(id)
napi_value RemoveRecorder(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  AllRecorders().Remove(in.Integer(0));
  return nullptr;
}

// takeBlock(id, request, out: Float64Array): how many beats were missed, or -1 where `request` is answered later
napi_value TakeBlock(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  size_t length = 0;
  auto* out = in.Array<double>(2, &length);
  return Number(env, static_cast<double>(AllRecorders().Take(in.Integer(0), in.Integer(1), out)));
}

}  // namespace

const NativeFunction kScheduleFunctions[] = {
    {"addTicker", AddTicker},           {"removeTicker", RemoveTicker}, {"setTickerPeriod", SetTickerPeriod},
    {"pauseTicker", PauseTicker},       {"resumeTicker", ResumeTicker}, {"holdTicker", HoldTicker},
    {"releaseTicker", ReleaseTicker},   {"takeTicks", TakeTicks},       {"addRecorder", AddRecorder},
    {"removeRecorder", RemoveRecorder}, {"takeBlock", TakeBlock},       {"", nullptr},
};

}  // namespace tripline
