// The Node-API layer of commands that run under limits; see addon.cc.
#include <cstring>
#include <memory>

#include "node/marshal.h"
#include "port/file_lock.h"
#include "port/spawn.h"
#include "util/list.h"

namespace tripline {
namespace {

// Splits a JavaScript string at NUL, one character per byte, into a list that ends with a null pointer.
class Strings {
 public:
  Strings(const Napi::CallbackInfo& info, size_t at) : text_(info, at, napi_get_value_string_latin1) {
    const char* const end = text_.get() + text_.size();
    for (const char* part = text_.get(); part <= end; part += strlen(part) + 1) list_.push_back(part);
    list_.push_back(nullptr);
  }
  const char* const* get() const { return list_.data(); }

 private:
  const TextArgument text_;
  List<const char*> list_;
};

struct Running;
void CallReport(Napi::Env env, Napi::Function report, Running* running, CommandEvent* event);
void EndEarly(Running* running);

// One command. It is held by its thread, by the function that reports its events, and by its JavaScript handle.
struct Running {
  using Reporter = Napi::TypedThreadSafeFunction<Running, CommandEvent, CallReport>;
  using Hook = Napi::Env::CleanupHook<void (*)(Running*), Running>;

  explicit Running(Command* command) : command(command) {}

  Running* Hold() {
    __atomic_add_fetch(&holders, 1, __ATOMIC_RELAXED);
    return this;
  }
  void LetGo() {
    if (__atomic_sub_fetch(&holders, 1, __ATOMIC_ACQ_REL) != 0) return;
    delete command;
    delete this;
  }

  Command* const command;
  Mutex mutex;
  Reporter reporter GUARDED_BY(mutex);  // empty once all is reported, or the environment ends
  Hook hook;                            // on the environment's thread only; empty once it has run
  uint32_t holders = 1;
};

// On the command's thread.
void Follow(void* raw) {
  auto* running = static_cast<Running*>(raw);
  CommandEvent event;
  while (running->command->Next(&event)) {
    MutexLock lock(&running->mutex);
    // At once: the environment may be busy starting other commands, and may never read the report.
    if (event.kind == CommandEvent::kGone || event.kind == CommandEvent::kLost) running->command->Close();
    if (running->reporter == nullptr) continue;
    auto copy = std::make_unique<CommandEvent>(event);
    if (running->reporter.NonBlockingCall(copy.get()) == napi_ok) copy.release();
  }
  {
    MutexLock lock(&running->mutex);
    running->command->Close();
    if (running->reporter != nullptr) running->reporter.Release();
    running->reporter = Running::Reporter();
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

void CallReport(Napi::Env env, Napi::Function report, Running*, CommandEvent* raw) {
  const std::unique_ptr<CommandEvent> event(raw);
  if (env == nullptr || report == nullptr) return;
  ResultObject result(env);
  result.SetText("kind", NameOf(event->kind));
  result.SetCount("code", static_cast<uint32_t>(event->code));
  result.SetNumber("signal", event->signal);
  result.SetCount("ended", event->ended);
  result.SetCount("left", event->left);
  result.SetBool("killed", event->killed);
  result.SetTime("cpu", event->cpu);
  CallListener(env, report, {Napi::Value(result)});
}

// Ends the command and stops reporting its events, because the environment ends or an object could not be made.
void Abandon(Running* running) {
  Running::Reporter reporter;
  {
    MutexLock lock(&running->mutex);
    reporter = running->reporter;
    running->reporter = Running::Reporter();
    running->command->Abandon();
  }
  // Last, and without the lock: it may call EndReporting().
  if (reporter != nullptr) reporter.Abort();
}

// Ends the command when the environment ends. EndReporting() cannot do this, because Deno does not call it for a
// worker.
void EndEarly(Running* running) {
  running->hook = Running::Hook();
  Abandon(running);
}

// The function has ended: all was reported, or the environment ends.
void EndReporting(Napi::Env env, Running* running, Running*) {
  // Some hosts end the process if a hook that does not exist is removed.
  if (!running->hook.IsEmpty()) running->hook.Remove(env);
  running->hook = Running::Hook();
  bool early = false;
  {
    MutexLock lock(&running->mutex);
    early = running->reporter != nullptr;
    running->reporter = Running::Reporter();
    if (early) running->command->Abandon();
  }
  running->LetGo();
}

// False if the environment is already ending.
bool BeginReporting(Napi::Env env, Napi::Function report, Running* running) {
  auto reporter = Running::Reporter::New(env, report, Napi::Object(), "tripline command", 0, 1, running->Hold(),
                                         EndReporting, running);
  if (reporter == nullptr) {
    running->LetGo();
    return false;
  }
  running->hook = env.AddCleanupHook(EndEarly, running);
  MutexLock lock(&running->mutex);
  running->reporter = reporter;
  return !running->hook.IsEmpty();
}

const char* NameOf(SpawnFailure::Kind kind) {
  switch (kind) {
    case SpawnFailure::kNotFound: return "not-found";
    case SpawnFailure::kNotExecutable: return "not-executable";
    case SpawnFailure::kUnsupported: return "unsupported";
    default: return "other";
  }
}

Napi::Value Refused(Napi::Env env, const SpawnFailure& failure) {
  ResultObject result(env);
  result.SetText("kind", NameOf(failure.kind));
  result.SetText("why", failure.why.text);
  return result;
}

// How many numbers startCommand() takes before the shared descriptors.
constexpr size_t kSettings = 8;

// startCommand(files, arguments, environment, directory, marker, [stdin, stdout, stderr, foreground, endSignal,
// killAfterMs, idleMs, openFiles, (shared, its number)...], report): { handle, pid, root, group }, or { kind, why }
Napi::Value StartCommand(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const Strings files(info, 0), arguments(info, 1), environment(info, 2);
  const TextArgument directory(info, 3), marker(info, 4);
  const Numbers<double> settings(info, 5);
  // Some arguments could not be read, because the environment is ending.
  if (settings.size < kSettings || marker.size() == 0) return Napi::Value();
  const double* numbers = settings.data();
  SpawnSpec spec;
  spec.files = files.get();
  spec.arguments = arguments.get();
  spec.environment = environment.get();
  spec.directory = directory.get();
  spec.marker = marker.get();
  for (int i = 0; i < 3; i++) spec.stdio[i] = static_cast<int>(numbers[i]);
  spec.foreground = numbers[3] != 0;
  spec.end_signal = static_cast<int>(numbers[4]);
  spec.kill_after = ToNanoseconds(numbers[5]);
  spec.idle = ToNanoseconds(numbers[6]);
  spec.open_files = static_cast<uint64_t>(numbers[7]);
  for (size_t i = kSettings; i + 1 < settings.size && spec.shared_count < SpawnSpec::kMostShared; i += 2) {
    spec.shared[spec.shared_count] = static_cast<int>(numbers[i]);
    spec.numbers[spec.shared_count++] = static_cast<int>(numbers[i + 1]);
  }

  SpawnFailure failure;
  Command* command = Command::Start(spec, &failure);
  if (command == nullptr) return Refused(env, failure);
  auto* running = new Running(command);
  const bool reports = BeginReporting(env, info[6].As<Napi::Function>(), running);
  const auto handle = Napi::External<Running>::New(env, running->Hold(), [](Napi::Env, Running* it) { it->LetGo(); });
  if (handle.IsEmpty()) running->LetGo();
  const bool follows = StartThread(Follow, running->Hold(), "tripline-run");
  if (!follows) running->LetGo();
  // If its end could not be reported, or it had no handle to end it by, it must not run.
  const bool whole = reports && follows && !handle.IsEmpty();
  if (!whole) Abandon(running);
  ResultObject result(env);
  result.Set("handle", handle);
  result.SetNumber("pid", static_cast<double>(command->pid));
  result.SetNumber("root", static_cast<double>(command->root));
  result.SetText("group", command->group);
  running->LetGo();
  if (whole) return result;
  failure.why.Set(follows ? "the environment is ending" : "the system refuses another thread");
  return Refused(env, failure);
}

// Gives an order under the lock, because the command's thread closes the command.
template <typename Order>
void Give(const Napi::CallbackInfo& info, Order order) {
  Running* running = info[0].As<Napi::External<Running>>().Data();
  if (running == nullptr) return;
  MutexLock lock(&running->mutex);
  order(running->command);
}

// openPipe(use, ends): true, or the reason
Napi::Value OpenPipe(const Napi::CallbackInfo& info) {
  int ends[2] = {};
  Failure why;
  const bool opened = OpenCommandPipe(static_cast<PipeUse>(ToUint32(info, 0)), ends, &why);
  const Numbers<int32_t> out(info, 1);
  for (size_t i = 0; opened && i < 2 && i < out.size; i++) out.data()[i] = ends[i];
  return TrueOrReason(info.Env(), opened, why);
}

// signalCommand(handle, signal)
void SignalCommand(const Napi::CallbackInfo& info) {
  Give(info, [&](Command* command) { command->Signal(ToInt32(info, 1)); });
}

// endCommand(handle, signal, killAfterMs)
void EndCommand(const Napi::CallbackInfo& info) {
  Give(info, [&](Command* command) { command->End(ToInt32(info, 1), ToDuration(info, 2)); });
}

// pauseCommand(handle, pause)
void PauseCommand(const Napi::CallbackInfo& info) {
  Give(info, [&](Command* command) {
    if (ToBool(info, 1))
      command->Pause();
    else
      command->Resume();
  });
}

// reapAdopted()
void Reap(const Napi::CallbackInfo&) { ReapAdopted(); }

// takeSent(signal): boolean
Napi::Value Sent(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), TakeSent(ToInt32(info, 0))); }

// lockFile(fd, shared): boolean
Napi::Value Lock(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), LockFile(ToInt32(info, 0), ToBool(info, 1)));
}

}  // namespace

void ExportSpawn(Napi::Object exports) {
  Export(exports, "startCommand", StartCommand);
  Export(exports, "openPipe", OpenPipe);
  Export(exports, "signalCommand", SignalCommand);
  Export(exports, "endCommand", EndCommand);
  Export(exports, "pauseCommand", PauseCommand);
  Export(exports, "reapAdopted", Reap);
  Export(exports, "takeSent", Sent);
  Export(exports, "lockFile", Lock);
}

}  // namespace tripline
