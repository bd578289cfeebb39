// The Node-API layer of tickers and recorders; see addon.cc.
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
Napi::Value AddTicker(const Napi::CallbackInfo& info) {
  Failure why;
  const TickerSpec spec{ToDuration(info, 0), ToBool(info, 1), ToBool(info, 2)};
  const uint32_t id = AllTickers().Add(EnvironmentOf(info), spec, &why);
  return IdOrReason(info.Env(), id, why);
}

// removeTicker(id)
void RemoveTicker(const Napi::CallbackInfo& info) { AllTickers().Remove(ToUint32(info, 0)); }

// setTickerPeriod(id, ms)
void SetTickerPeriod(const Napi::CallbackInfo& info) { AllTickers().SetPeriod(ToUint32(info, 0), ToDuration(info, 1)); }

// pauseTicker(id)
void PauseTicker(const Napi::CallbackInfo& info) { AllTickers().Pause(ToUint32(info, 0)); }

// resumeTicker(id, earliestMs)
void ResumeTicker(const Napi::CallbackInfo& info) { AllTickers().Resume(ToUint32(info, 0), ToDuration(info, 1)); }

// holdTicker(id)
void HoldTicker(const Napi::CallbackInfo& info) { AllTickers().Hold(ToUint32(info, 0)); }

// releaseTicker(id, ticks: Float64Array): how many ticks it wrote, 0 or 1
Napi::Value ReleaseTicker(const Napi::CallbackInfo& info) {
  const Numbers<double> out(info, 1);
  const uint32_t id = ToUint32(info, 0);
  const Tick tick{id, AllTickers().Release(id)};
  const bool written = tick.beats.count != 0 && out.size >= kTickFields;
  if (written) WriteTick(tick, out.data());
  return Napi::Number::New(info.Env(), written ? 1 : 0);
}

// takeTicks(ticks: Float64Array): how many it wrote. If the array is full, there may be more
Napi::Value TakeTicks(const Napi::CallbackInfo& info) {
  constexpr uint32_t kAtOnce = 64;
  const Numbers<double> array(info, 0);
  double* out = array.data();
  const size_t room = array.size / kTickFields;
  Tick ticks[kAtOnce];
  const uint32_t count =
      AllTickers().Take(EnvironmentOf(info), ticks, room < kAtOnce ? static_cast<uint32_t>(room) : kAtOnce);
  for (uint32_t i = 0; i < count; i++) out = WriteTick(ticks[i], out);
  return Napi::Number::New(info.Env(), count);
}

// ---- recorders -----------------------------------------------------------------------------------------------------

// addRecorder(intervalMs, batch, subscriptions: Uint32Array): id, or why not
Napi::Value AddRecorder(const Napi::CallbackInfo& info) {
  const Numbers<uint32_t> subscriptions(info, 2);
  Failure why;
  const uint32_t id = AllRecorders().Add(EnvironmentOf(info), ToDuration(info, 0), ToUint32(info, 1),
                                         subscriptions.data(), static_cast<uint32_t>(subscriptions.size), &why);
  return IdOrReason(info.Env(), id, why);
}

// removeRecorder(id)
void RemoveRecorder(const Napi::CallbackInfo& info) { AllRecorders().Remove(ToUint32(info, 0)); }

// takeBlock(id, request, out: Float64Array): how many beats were missed, or -1 where `request` is answered later
Napi::Value TakeBlock(const Napi::CallbackInfo& info) {
  const Numbers<double> out(info, 2);
  if (out.data() == nullptr) return Napi::Value();
  const int64_t missed = AllRecorders().Take(ToUint32(info, 0), ToUint32(info, 1), out.data(), out.size);
  return Napi::Number::New(info.Env(), static_cast<double>(missed));
}

}  // namespace

void ExportSchedule(Napi::Object exports) {
  Export(exports, "addTicker", AddTicker);
  Export(exports, "removeTicker", RemoveTicker);
  Export(exports, "setTickerPeriod", SetTickerPeriod);
  Export(exports, "pauseTicker", PauseTicker);
  Export(exports, "resumeTicker", ResumeTicker);
  Export(exports, "holdTicker", HoldTicker);
  Export(exports, "releaseTicker", ReleaseTicker);
  Export(exports, "takeTicks", TakeTicks);
  Export(exports, "addRecorder", AddRecorder);
  Export(exports, "removeRecorder", RemoveRecorder);
  Export(exports, "takeBlock", TakeBlock);
}

}  // namespace tripline
