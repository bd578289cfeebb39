// The Node-API layer of the watchdog; see addon.cc.
#include "node/marshal.h"
#include "sampler/sampler.h"

namespace tripline {
namespace {

Watchdog& TheWatchdog() { return Sampler::Get()->watchdog(); }

Napi::Value ToNumber(const Napi::CallbackInfo& info, int number) { return Napi::Number::New(info.Env(), number); }

// openWatchdog(address): an errno, 0, or -1 for a second one
Napi::Value OpenWatchdog(const Napi::CallbackInfo& info) {
  const TextArgument address(info, 0);
  return ToNumber(info, TheWatchdog().Open(EnvironmentOf(info), address.get(), address.size()));
}

// startWatchdog(intervalMs, notify, device): true, or why not
Napi::Value StartWatchdog(const Napi::CallbackInfo& info) {
  Failure why;
  const bool done = TheWatchdog().Start(ToDuration(info, 0), ToBool(info, 1), ToInt32(info, 2), &why);
  return TrueOrReason(info.Env(), done, why);
}

// notifyManager(text, hold): an errno or 0
Napi::Value NotifyManager(const Napi::CallbackInfo& info) {
  const TextArgument text(info, 0);
  return ToNumber(info, TheWatchdog().Send(text.get(), text.size(), ToBool(info, 1)));
}

// closeWatchdog()
void CloseWatchdog(const Napi::CallbackInfo&) { TheWatchdog().Close(); }

// readWatchdog(into: Int32Array of 4): whether nothing holds it back, how often it was fed and that failed, an errno
void ReadWatchdog(const Napi::CallbackInfo& info) {
  const Numbers<int32_t> into(info, 0);
  const WatchdogStats stats = TheWatchdog().Stats();
  if (into.size * sizeof(int32_t) >= sizeof(stats)) memcpy(into.data(), &stats, sizeof(stats));
}

// watchdogTimeout(device): seconds, or 0
Napi::Value WatchdogTimeout(const Napi::CallbackInfo& info) {
  return ToNumber(info, static_cast<int>(DeviceTimeout(ToInt32(info, 0))));
}

}  // namespace

void ExportWatchdog(Napi::Object exports) {
  Export(exports, "openWatchdog", OpenWatchdog);
  Export(exports, "startWatchdog", StartWatchdog);
  Export(exports, "notifyManager", NotifyManager);
  Export(exports, "closeWatchdog", CloseWatchdog);
  Export(exports, "readWatchdog", ReadWatchdog);
  Export(exports, "watchdogTimeout", WatchdogTimeout);
}

}  // namespace tripline
