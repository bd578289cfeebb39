#include "node/marshal.h"

#include <node_api.h>

namespace tripline {

void CallListener(napi_env env, napi_value listener, size_t count, const napi_value* arguments) {
  napi_value undefined = nullptr;
  napi_get_undefined(env, &undefined);
  napi_call_function(env, undefined, listener, count, arguments, nullptr);
  // An exception must reach `uncaughtException`; left pending it would be swallowed with a warning.
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) return;
  napi_value exception = nullptr;
  napi_get_and_clear_last_exception(env, &exception);
  napi_fatal_exception(env, exception);
}

}  // namespace tripline
