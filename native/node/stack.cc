#include "node/stack.h"

namespace tripline {
namespace {

// v8::StackTrace::StackTraceOptions. Frames of vm contexts are shown too.
constexpr int kOptions = 0xff | 1 << 8;

}  // namespace

Stack::Stack(const Engine& engine, int limit)
    : engine_(engine), trace_(engine.v8().CurrentStackTrace(engine.isolate(), limit, kOptions)) {
  if (trace_ != nullptr) size_ = static_cast<uint32_t>(engine.v8().GetFrameCount(trace_));
}

Stack::Frame Stack::operator[](uint32_t index) const {
  StackFrame* frame = engine_.v8().GetFrame(trace_, engine_.isolate(), index);
  return Frame{frame, engine_.v8().GetScriptId(frame)};
}

void Stack::GetScript(const Frame& frame, char* text, size_t room) const {
  Read(engine_.v8().GetScriptName(frame.frame), text, room);
}

void Stack::GetFunction(const Frame& frame, char* text, size_t room) const {
  Read(engine_.v8().GetFunctionName(frame.frame), text, room);
}

void Stack::Read(Name* name, char* text, size_t room) const {
  text[0] = '\0';
  // A handle of V8 is the value that Node-API calls a napi_value. This function runs no JavaScript.
  if (name != nullptr)
    napi_get_value_string_utf8(engine_.env(), reinterpret_cast<napi_value>(name), text, room, nullptr);
}

}  // namespace tripline
