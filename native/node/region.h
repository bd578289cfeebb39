// A synchronous region: a call of a function that is ended from outside. See sampler/regions.h for what ends it.
//
// It is ended only where that is safe. Code that is terminated runs none of its `finally`: terminating Node's own
// JavaScript, or this library's, would leave it broken for the rest of the process. So the order is an interrupt. It
// reads the stack from the entry of the innermost region upwards, and terminates only if no such frame is there;
// otherwise it is sent again. Interrupts run on the thread of the region, so no order can outlast its region.
#pragma once

#include <cstdint>

#include "node/engine.h"
#include "sampler/regions.h"
#include "util/text.h"

namespace tripline {

// How an environment recognizes the library's own code.
struct OwnCode {
  // Scripts below these folders, as a path and as a URL, are the library's. Each ends in a slash.
  Text path;
  Text url;
  // The call from which regions are entered, found with the first one.
  int script = 0;
  Location call = {};
};

struct RegionFrame : Regions::Region {
  const OwnCode* own = nullptr;
  bool terminated = false;
  uint32_t unsure = 0;  // interrupts that found no fragile frame, but may have missed an inlined one
};

// How a call in a region has ended.
enum class RegionEnd { kReturned, kThrew, kEnded, kEndedWithOuter, kRefused };

// Calls `function`. kThrew leaves the exception pending, and also stands for an environment that ends; kRefused is for
// `why`.
RegionEnd CallInRegion(Engine* engine, napi_env env, napi_value function, RegionFrame* region, napi_value* result,
                       Failure* why);

// The region that is `depth` levels within the outermost one of `environment`; nullptr if there is none.
RegionFrame* FindRegion(Engine* engine, const Environment* environment, uint32_t depth);
void OrderRegion(Engine* engine, RegionFrame* region);

}  // namespace tripline
