// The Node-API face of commands that run under limits; see addon.cc.
#include <node_api.h>

#include <cstring>

#include "node/marshal.h"
#include "port/spawn.h"

namespace tripline {
namespace {

// A JavaScript string of parts divided by NUL, one character for each byte, as a list that ends with a null pointer.
class Strings {
 public:
  Strings(const Arguments& in, size_t index) {
    size_t size = 0;
    napi_get_value_string_latin1(in.env, in.values[index], nullptr, 0, &size);
    text_.reset(new char[size + 1]());
    napi_get_value_string_latin1(in.env, in.values[index], text_.get(), size + 1, &size);
    size_t count = 1;
    for (size_t at = 0; at < size; at++) count += text_[at] == '\0' ? 1 : 0;
    list_.reset(new const char*[count + 1]());
    const char* part = text_.get();
    for (size_t i = 0; i < count; i++) {
      list_[i] = part;
      part += strlen(part) + 1;
    }
  }
  const char* const* get() const { return list_.get(); }

 private:
  std::unique_ptr<char[]> text_;
  std::unique_ptr<const char*[]> list_;
};

// One command, held by its thread, by the function that tells its events, and by JavaScript.
struct Running {
  Command* command = nullptr;
  Mutex mutex;
  napi_threadsafe_function tell = nullptr;  // guarded by the mutex; null once the environment has taken it away
  bool hooked = false;                      // whether the environment will call EndEarly(); on its thread only
  uint32_t holders = 3;

  void LetGo() {
    if (__atomic_sub_fetch(&holders, 1, __ATOMIC_ACQ_REL) != 0) return;
    delete command;
    delete this;
  }
};

// On the command's thread.
void Follow(void* raw) {
  auto* running = static_cast<Running*>(raw);
  CommandEvent event;
  while (running->command->Next(&event)) {
    MutexLock lock(&running->mutex);
    if (running->tell == nullptr) continue;
    auto* copy = new CommandEvent(event);
    if (napi_call_threadsafe_function(running->tell, copy, napi_tsfn_nonblocking) != napi_ok) delete copy;
  }
  {
    MutexLock lock(&running->mutex);
    if (running->tell != nullptr) napi_release_threadsafe_function(running->tell, napi_tsfn_release);
    running->tell = nullptr;
  }
  running->LetGo();
}

const char* NameOf(CommandEvent::Kind kind) {
  switch (kind) {
    case CommandEvent::kExited: return "exited";
    case CommandEvent::kIdle: return "idle";
    case CommandEvent::kGone: return "gone";
    case CommandEvent::kLost: return "lost";
  }
  return "";
}

void CallTell(napi_env env, napi_value callback, void* running, void* data) {
  const std::unique_ptr<CommandEvent> event(static_cast<CommandEvent*>(data));
  if (env == nullptr || callback == nullptr) return;
  // Here, where nobody else can be giving it an order; it is destroyed only when the garbage is collected.
  if (event->kind == CommandEvent::kGone || event->kind == CommandEvent::kLost) {
    static_cast<Running*>(running)->command->Close();
  }
  Object told(env);
  told.Set("kind", NameOf(event->kind));
  told.Set("code", static_cast<uint32_t>(event->code));
  told.Set("signal", event->signal);
  told.Set("ended", event->ended);
  told.Set("left", event->left);
  told.Set("killed", Boolean(env, event->killed));
  told.Set("cpu", ToMilliseconds(event->cpu));
  CallListener(env, callback, 1, &told.value);
}

// The environment ends, and the command with it. Not left to EndTelling(), which Deno does not call for a worker.
void EndEarly(void* raw) {
  auto* running = static_cast<Running*>(raw);
  running->hooked = false;
  running->command->Abandon();
  napi_threadsafe_function tell = nullptr;
  {
    MutexLock lock(&running->mutex);
    tell = running->tell;
    running->tell = nullptr;
  }
  // Last, and without the lock: it may call EndTelling().
  if (tell != nullptr) napi_release_threadsafe_function(tell, napi_tsfn_abort);
}

// The function is no more: everything was told, or the environment ends.
void EndTelling(napi_env env, void* raw, void*) {
  auto* running = static_cast<Running*>(raw);
  // Some hosts end the process over a hook that is not there.
  if (running->hooked) napi_remove_env_cleanup_hook(env, EndEarly, running);
  running->hooked = false;
  bool early = false;
  {
    MutexLock lock(&running->mutex);
    early = running->tell != nullptr;
    running->tell = nullptr;
  }
  if (early) running->command->Abandon();
  running->LetGo();
}

void DropHandle(napi_env, void* raw, void*) { static_cast<Running*>(raw)->LetGo(); }

const char* NameOf(SpawnFailure::Kind kind) {
  switch (kind) {
    case SpawnFailure::kNotFound: return "not-found";
    case SpawnFailure::kNotExecutable: return "not-executable";
    case SpawnFailure::kUnsupported: return "unsupported";
    default: return "other";
  }
}

napi_value Refused(napi_env env, const SpawnFailure& failure) {
  Object result(env);
  result.Set("kind", NameOf(failure.kind));
  result.Set("why", failure.why.text);
  return result.value;
}

// startCommand(files, arguments, environment, directory, marker, [stdin, stdout, stderr, foreground, endSignal,
// killAfterMs, idleMs, shared...], tell): { handle, pid, root, group }, or { kind, why }
napi_value StartCommand(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  const Strings files(in, 0), arguments(in, 1), environment(in, 2);
  const std::unique_ptr<char[]> directory = in.Text(3), marker = in.Text(4);
  size_t length = 0;
  const auto* numbers = in.Array<double>(5, &length);
  SpawnSpec spec;
  spec.files = files.get();
  spec.arguments = arguments.get();
  spec.environment = environment.get();
  spec.directory = directory.get();
  spec.marker = marker.get();
  for (int i = 0; i < 3; i++) spec.stdio[i] = static_cast<int>(numbers[i]);
  spec.foreground = numbers[3] != 0;
  spec.end_signal = static_cast<int>(numbers[4]);
  spec.kill_after = Arguments::ToNanoseconds(numbers[5]);
  spec.idle = Arguments::ToNanoseconds(numbers[6]);
  for (size_t i = 7; i < length && spec.shared_count < SpawnSpec::kMostShared; i++) {
    spec.shared[spec.shared_count++] = static_cast<int>(numbers[i]);
  }

  SpawnFailure failure;
  Command* command = Command::Start(spec, &failure);
  if (command == nullptr) return Refused(env, failure);
  auto* running = new Running();
  running->command = command;
  napi_create_threadsafe_function(env, in.values[6], nullptr, Text(env, "tripline command"), 0, 1, running, EndTelling,
                                  running, CallTell, &running->tell);
  running->hooked = napi_add_env_cleanup_hook(env, EndEarly, running) == napi_ok;
  Object result(env);
  napi_value handle = nullptr;
  napi_create_external(env, running, DropHandle, nullptr, &handle);
  result.Set("handle", handle);
  result.Set("pid", static_cast<double>(command->pid));
  result.Set("root", static_cast<double>(command->root));
  result.Set("group", command->group);
  if (StartThread(Follow, running, "tripline-run")) return result.value;
  // Nobody would hear how it ends: then it must not run.
  command->Abandon();
  napi_release_threadsafe_function(running->tell, napi_tsfn_abort);
  running->tell = nullptr;
  running->LetGo();
  failure.why.Set("the system refuses another thread");
  return Refused(env, failure);
}

Command* CommandOf(const Arguments& in) {
  void* running = nullptr;
  napi_get_value_external(in.env, in.values[0], &running);
  return static_cast<Running*>(running)->command;
}

// signalCommand(handle, signal)
napi_value SignalCommand(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  CommandOf(in)->Signal(static_cast<int>(in.Integer(1)));
  return nullptr;
}

// endCommand(handle, signal, killAfterMs)
napi_value EndCommand(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  CommandOf(in)->End(static_cast<int>(in.Integer(1)), in.Duration(2));
  return nullptr;
}

// pauseCommand(handle, pause)
napi_value PauseCommand(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  if (in.Boolean(1))
    CommandOf(in)->Pause();
  else
    CommandOf(in)->Resume();
  return nullptr;
}

// reapAdopted()
napi_value Reap(napi_env, napi_callback_info) {
  ReapAdopted();
  return nullptr;
}

// takeSent(signal): boolean
napi_value Sent(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  return Boolean(env, TakeSent(static_cast<int>(in.Integer(0))));
}

}  // namespace

const NativeFunction kSpawnFunctions[] = {
    {"startCommand", StartCommand},
    {"signalCommand", SignalCommand},
    {"endCommand", EndCommand},
    {"pauseCommand", PauseCommand},
    {"reapAdopted", Reap},
    {"takeSent", Sent},
    {"", nullptr},
};

}  // namespace tripline
