// Whether the functions of V8 that were found by name do what they did in the versions that this was written for.
#pragma once

#include "node/engine.h"

namespace tripline {

// Calls `probe`, a function of JavaScript that loops for a while and returns a number, and ends it early once. False
// with `why` if anything is not as expected. An engine is tested once.
bool TestEngine(Engine* engine, napi_env env, napi_value probe, Failure* why);

}  // namespace tripline
