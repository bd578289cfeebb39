#include "node/marshal.h"

#include "sampler/sampler.h"

namespace tripline {
namespace {

// `entry` finds the function in its data.
void AddFunction(Napi::Object exports, const char* name, void* function, napi_callback entry) {
  napi_value value = nullptr;
  const napi_status status = napi_create_function(exports.Env(), name, NAPI_AUTO_LENGTH, entry, function, &value);
  NAPI_THROW_IF_FAILED_VOID(exports.Env(), status);
  exports.Set(name, value);
}

}  // namespace

void CallListener(Napi::Env env, Napi::Function listener, const std::initializer_list<napi_value>& arguments) {
  listener.Call(env.Undefined(), arguments);
  // An exception must reach `uncaughtException`; left pending it would be swallowed with a warning.
  if (env.IsExceptionPending()) napi_fatal_exception(env, env.GetAndClearPendingException().Value());
}

void Instance::End() {
  Sampler::Get()->RemoveEnvironment(&environment);
  // The sampler notifies no more, so the function is ours alone.
  if (deliver != nullptr) deliver.Abort();
  deliver = Deliver();
  board.Reset();
}

void CallDeliver(Napi::Env env, Napi::Function, void*, void*) {
  if (env == nullptr) return;
  auto* instance = env.GetInstanceData<Instance>();
  const Napi::Function listener = instance->listener.Value();
  // The context that loaded the library is gone, and its guards with it.
  if (listener.IsEmpty()) {
    instance->End();
    return;
  }
  // Here and not by what fetches: whether anything is fetched, and what first, is JavaScript's own business.
  Sampler::Get()->Acknowledge(&instance->environment);
  CallListener(env, listener, {});
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

std::string ToBytes(Napi::Value value) {
  std::string text;
  size_t size = 0;
  // node-addon-api reads strings as UTF-8 and UTF-16 alone.
  napi_status status = napi_get_value_string_latin1(value.Env(), value, nullptr, 0, &size);
  if (status == napi_ok) {
    text.resize(size);
    status = napi_get_value_string_latin1(value.Env(), value, &text[0], size + 1, &size);
  }
  NAPI_THROW_IF_FAILED(value.Env(), status, std::string());
  return text;
}

}  // namespace tripline
