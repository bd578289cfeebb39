#include "node/marshal.h"

#include <cmath>
#include <limits>

#include "node/heap.h"
#include "sampler/sampler.h"

namespace tripline {
namespace {

// `entry` is the function, stored as the callback's data.
void AddFunction(Napi::Object exports, const char* name, void* function, napi_callback entry) {
  napi_value value = nullptr;
  Check(exports.Env(), napi_create_function(exports.Env(), name, NAPI_AUTO_LENGTH, entry, function, &value));
  exports.Set(name, value);
}

}  // namespace

void CallListener(Napi::Env env, Napi::Function listener, const std::initializer_list<napi_value>& arguments) {
  listener.Call(env.Undefined(), arguments);
  // An exception must reach `uncaughtException`; left pending it would be swallowed with a warning.
  if (env.IsExceptionPending()) napi_fatal_exception(env, env.GetAndClearPendingException().Value());
}

void Instance::End() {
  ForgetStack(this);
  WatchHeap(this, false, false);
  Engine::Release(engine, env);
  engine = nullptr;
  Sampler::Get()->RemoveEnvironment(&environment);
  // The sampler sends no more notifications, so no other thread uses the function.
  if (deliver != nullptr) deliver.Abort();
  deliver = Deliver();
  board.Reset();
  operations.Reset();
}

void CallDeliver(Napi::Env env, Napi::Function, void*, void*) {
  if (env == nullptr) return;
  auto* instance = env.GetInstanceData<Instance>();
  const Napi::Function listener = instance->listener.Value();
  // The vm context that loaded the library is gone, and its guards with it.
  if (listener.IsEmpty()) {
    instance->End();
    return;
  }
  // Acknowledged here and not when JavaScript fetches, because JavaScript may fetch in any order, or not at all.
  if (Sampler::Get()->Acknowledge(&instance->environment)) CallListener(env, listener, {});
}

void Export(Napi::Object exports, const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
  AddFunction(exports, name, reinterpret_cast<void*>(function), [](napi_env env, napi_callback_info raw) -> napi_value {
    const Napi::CallbackInfo info(env, raw);
    return reinterpret_cast<decltype(function)>(info.Data())(info);
  });
}

void Export(Napi::Object exports, const char* name, void (*function)(const Napi::CallbackInfo&)) {
  AddFunction(exports, name, reinterpret_cast<void*>(function), [](napi_env env, napi_callback_info raw) -> napi_value {
    const Napi::CallbackInfo info(env, raw);
    reinterpret_cast<decltype(function)>(info.Data())(info);
    return nullptr;
  });
}

void Check(Napi::Env env, napi_status status) { NAPI_THROW_IF_FAILED_VOID(env, status); }

namespace {

// `value` if it is no number.
double Number(const Napi::CallbackInfo& info, size_t at, double value) {
  Check(info.Env(), napi_get_value_double(info.Env(), info[at], &value));
  return value;
}

}  // namespace

double ToDouble(const Napi::CallbackInfo& info, size_t at) { return Number(info, at, 0); }
uint32_t ToUint32(const Napi::CallbackInfo& info, size_t at) { return static_cast<uint32_t>(ToDouble(info, at)); }
int32_t ToInt32(const Napi::CallbackInfo& info, size_t at) {
  const double value = Number(info, at, -1);
  return value >= INT32_MIN && value <= INT32_MAX ? static_cast<int32_t>(value) : -1;
}
bool ToBool(const Napi::CallbackInfo& info, size_t at) { return info[at].As<Napi::Boolean>().Value(); }
uint64_t ToDuration(const Napi::CallbackInfo& info, size_t at) { return ToNanoseconds(ToDouble(info, at)); }

uint64_t ToNanoseconds(double milliseconds) {
  if (milliseconds < 0) return 0;
  if (std::isinf(milliseconds)) return kNever;
  // Values above 30 years are clamped, so that adding one to any machine's clock cannot overflow.
  return milliseconds < 1e12 ? static_cast<uint64_t>(milliseconds * 1e6 + 0.5) : kNever / 16;
}

TextArgument::TextArgument(const Napi::CallbackInfo& info, size_t at, Reader reader) {
  const Napi::Value value = info[at];
  Check(value.Env(), reader(value.Env(), value, nullptr, 0, &size_));
  text_.reset(new char[size_ + 1]());
  const napi_status status = reader(value.Env(), value, text_.get(), size_ + 1, &size_);
  if (status != napi_ok) size_ = 0;
  Check(value.Env(), status);
}

Memory::Memory(napi_env env, napi_value value, size_t bytes) {
  // By napi_typedarray_type; types that are added later have none that is used here.
  constexpr uint8_t kBytes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  napi_typedarray_type type = napi_int8_array;
  napi_status status = napi_get_typedarray_info(env, value, &type, &size, &start, nullptr, nullptr);
  if (status == napi_ok && (type >= sizeof(kBytes) || kBytes[type] != bytes)) status = napi_invalid_arg;
  if (status == napi_ok) return;
  start = nullptr;
  size = 0;
  Check(env, status);
}

double ToMillisecondsOrNever(uint64_t nanoseconds) {
  return nanoseconds == kNever ? std::numeric_limits<double>::infinity() : ToMilliseconds(nanoseconds);
}

Napi::Value IdOrReason(Napi::Env env, uint32_t id, const Failure& why) {
  if (id != 0) return Napi::Number::New(env, id);
  return Napi::String::New(env, why.failed() ? why.text : "unknown failure");
}

Napi::Value TrueOrReason(Napi::Env env, bool succeeded, const Failure& why) {
  return succeeded ? Napi::Boolean::New(env, true) : IdOrReason(env, 0, why);
}

void ResultObject::Set(const char* name, Napi::Value value) { object_.Set(name, value); }
void ResultObject::SetNumber(const char* name, double value) { Set(name, Napi::Number::New(object_.Env(), value)); }
void ResultObject::SetCount(const char* name, uint64_t value) { SetNumber(name, static_cast<double>(value)); }
void ResultObject::SetTime(const char* name, uint64_t nanoseconds) {
  SetNumber(name, ToMillisecondsOrNever(nanoseconds));
}
void ResultObject::SetBool(const char* name, bool value) { Set(name, Napi::Boolean::New(object_.Env(), value)); }
void ResultObject::SetText(const char* name, const char* value) { Set(name, Napi::String::New(object_.Env(), value)); }

}  // namespace tripline
