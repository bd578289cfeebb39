// Between JavaScript's values and ours; what addon.cc and addon_*.cc share.
#pragma once

#include <node_api.h>

#include <cmath>
#include <limits>
#include <memory>

#include "port/platform.h"
#include "port/probe.h"
#include "sampler/environment.h"

namespace tripline {

// What one JavaScript environment owns. Lives until the environment's finalizers run.
struct Instance {
  explicit Instance(napi_env env) : env(env), environment(Notify, this) {}

  static void Notify(void* raw) {
    auto* self = static_cast<Instance*>(raw);
    if (self->deliver == nullptr) return;
    // napi_closing: the environment is ending and has given up the function; it must not be touched again.
    if (napi_call_threadsafe_function(self->deliver, nullptr, napi_tsfn_nonblocking) == napi_closing) {
      self->deliver = nullptr;
    }
  }

  napi_env const env;
  Environment environment;
  napi_threadsafe_function deliver = nullptr;  // guarded by the sampler's lock once the environment is in use
  napi_ref board = nullptr;                    // keeps the board's memory alive
};

struct Arguments {
  static constexpr size_t kMost = 10;

  Arguments(napi_env env, napi_callback_info info) : env(env) {
    napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
    void* data = nullptr;
    napi_get_instance_data(env, &data);
    instance = static_cast<Instance*>(data);
  }

  double Number(size_t index) const {
    double value = 0;
    napi_get_value_double(env, values[index], &value);
    return value;
  }
  uint32_t Integer(size_t index) const {
    uint32_t value = 0;
    napi_get_value_uint32(env, values[index], &value);
    return value;
  }
  bool Boolean(size_t index) const {
    bool value = false;
    napi_get_value_bool(env, values[index], &value);
    return value;
  }
  // Milliseconds; Infinity is kNever.
  uint64_t Duration(size_t index) const { return ToNanoseconds(Number(index)); }
  std::unique_ptr<char[]> Text(size_t index) const {
    size_t size = 0;
    napi_get_value_string_utf8(env, values[index], nullptr, 0, &size);
    std::unique_ptr<char[]> text(new char[size + 1]());
    napi_get_value_string_utf8(env, values[index], text.get(), size + 1, &size);
    return text;
  }
  template <typename T>
  T* Array(size_t index, size_t* length) const {
    void* data = nullptr;
    napi_get_typedarray_info(env, values[index], nullptr, length, &data, nullptr, nullptr);
    return static_cast<T*>(data);
  }

  static uint64_t ToNanoseconds(double milliseconds) {
    if (std::isinf(milliseconds)) return kNever;
    // Thirty years are as good as for ever, and leave room for adding them to the time of day of any machine.
    return milliseconds < 1e12 ? static_cast<uint64_t>(milliseconds * 1e6 + 0.5) : kNever / 16;
  }

  napi_env const env;
  Instance* instance;
  size_t count = kMost;
  napi_value values[kMost];
};

inline double ToMilliseconds(uint64_t nanoseconds) {
  return nanoseconds == kNever ? std::numeric_limits<double>::infinity() : static_cast<double>(nanoseconds) / 1e6;
}

inline napi_value Number(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

inline napi_value Text(napi_env env, const char* text) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &result);
  return result;
}

inline napi_value Boolean(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

class Object {
 public:
  explicit Object(napi_env env) : env_(env) { napi_create_object(env, &value); }
  void Set(const char* name, napi_value property) { napi_set_named_property(env_, value, name, property); }
  void Set(const char* name, double number) { Set(name, Number(env_, number)); }
  void Set(const char* name, const char* text) { Set(name, Text(env_, text)); }

  napi_value value = nullptr;

 private:
  napi_env const env_;
};

class Array {
 public:
  explicit Array(napi_env env) : env_(env) { napi_create_array(env, &value); }
  void Add(napi_value item) { napi_set_element(env_, value, length_++, item); }

  napi_value value = nullptr;

 private:
  napi_env const env_;
  uint32_t length_ = 0;
};

// Calls a listener from a thread-safe function.
void CallListener(napi_env env, napi_value listener, size_t count, const napi_value* arguments);

// What a failed call answers with: the reason as text, where success would be a number or true.
inline napi_value Refusal(napi_env env, const Failure& why) {
  return Text(env, why.failed() ? why.text : "unknown failure");
}

// One function of the addon.
struct NativeFunction {
  char name[18];  // an array, because a pointer would cost a relocation
  napi_callback function;
};

// What tickers and recorders bring; ends with an empty name.
extern const NativeFunction kScheduleFunctions[];
// And commands under limits.
extern const NativeFunction kSpawnFunctions[];

}  // namespace tripline
