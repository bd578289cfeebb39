// A host that does not export the functions of V8, as this program does not.
#include "node/v8_names.h"

#include <cstring>

#include "check.h"

namespace tripline {
namespace {

TEST(AMissingFunctionOfV8IsNamed) {
  Failure why;
  CHECK(V8::Find(&why) == nullptr);
  CHECK(why.failed());
#ifndef _WIN32
  CHECK(std::strcmp(why.text, "this runtime does not export _ZN2v87Isolate16RequestInterruptEPFvPS0_PvES2_") == 0);
#endif
  // The lookup is made once; its result stays.
  Failure again;
  CHECK(V8::Find(&again) == nullptr);
  CHECK(std::strcmp(again.text, why.text) == 0);
}

}  // namespace
}  // namespace tripline
