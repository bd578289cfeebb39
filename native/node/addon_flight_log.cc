// The Node-API layer of flight logs; see addon.cc.
#include <utility>

#include "node/marshal.h"
#include "sampler/sampler.h"

namespace tripline {
namespace {

FlightLogs& AllLogs() { return Sampler::Get()->flight_logs(); }

// addFlightLog(file, image: Buffer, intervalMs, subscriptions: Uint32Array, slow): id, or why not
Napi::Value AddFlightLog(const Napi::CallbackInfo& info) {
  const TextArgument file(info, 0);
  const Numbers<uint8_t> image(info, 1);
  const Numbers<uint32_t> subscriptions(info, 3);
  if (image.data() == nullptr || file.get() == nullptr) return Napi::Value();
  Failure why;
  const uint32_t id =
      AllLogs().Create(EnvironmentOf(info), file.get(), image.data(), image.size, ToDuration(info, 2),
                       subscriptions.data(), static_cast<uint32_t>(subscriptions.size), ToBool(info, 4), &why);
  return IdOrReason(info.Env(), id, why);
}

// noteFlightLog(id, ring, kind, number, a, b, text)
void NoteFlightLog(const Napi::CallbackInfo& info) {
  const TextArgument text(info, 6);
  const uint32_t ring = ToUint32(info, 1);
  if (text.get() == nullptr || ring > static_cast<uint32_t>(LogRing::kLines)) return;
  const LogFact fact{static_cast<LogKind>(ToUint32(info, 2)), ToUint32(info, 3), ToDouble(info, 4), ToDouble(info, 5)};
  AllLogs().Add(ToUint32(info, 0), static_cast<LogRing>(ring), fact, text.get(), text.size());
}

// flightLogFailure(id): why the last write failed, or an empty text
Napi::Value FlightLogFailure(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), AllLogs().FailureOf(ToUint32(info, 0)).text);
}

// noteSignals(id)
void NoteSignals(const Napi::CallbackInfo& info) { AllLogs().NoteSignals(ToUint32(info, 0)); }

// removeFlightLog(id)
void RemoveFlightLog(const Napi::CallbackInfo& info) { AllLogs().Remove(ToUint32(info, 0)); }

// attachOperations(table: Buffer)
void AttachOperations(const Napi::CallbackInfo& info) {
  const Numbers<uint8_t> table(info, 0);
  Napi::ObjectReference held = Napi::Persistent(info[0].As<Napi::Object>());
  // The sampler may only read memory that is kept alive.
  if (held.IsEmpty()) return;
  auto* instance = info.Env().GetInstanceData<Instance>();
  Sampler::Get()->AttachOperations(&instance->environment, table.data(), table.size);
  instance->operations = std::move(held);
}

}  // namespace

void ExportFlightLog(Napi::Object exports) {
  Export(exports, "addFlightLog", AddFlightLog);
  Export(exports, "noteFlightLog", NoteFlightLog);
  Export(exports, "flightLogFailure", FlightLogFailure);
  Export(exports, "noteSignals", NoteSignals);
  Export(exports, "removeFlightLog", RemoveFlightLog);
  Export(exports, "attachOperations", AttachOperations);
}

}  // namespace tripline
