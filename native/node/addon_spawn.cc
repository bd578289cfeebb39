// The Node-API layer of commands that run under limits; see addon.cc.
#include <cstring>
#include <memory>

#include "node/marshal.h"
#include "port/file_lock.h"
#include "port/spawn.h"
#include "sampler/sampler.h"
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

// What a breach of the command's guard does.
enum class OnBreach : uint8_t { kEnd, kKill, kPause, kReport };

// Why the command is paused. It goes on when the last reason is gone.
enum PausedBy : uint8_t { kByLimit = 1, kByCall = 2, kByShare = 4 };

constexpr int kKillSignal = 9;

// One command. It is held by its thread, by the function that reports its events, by its JavaScript handle and by
// guards. What ends it first decides the reason: JavaScript, a guard, or the command's own clock, seen by Follow(). The
// mutex makes sure that only one of them decides.
struct Running final : Reaction {
  using Reporter = Napi::TypedThreadSafeFunction<Running, CommandEvent, CallReport>;
  using Hook = Napi::Env::CleanupHook<void (*)(Running*), Running>;

  Running(Command* command, const SpawnSpec& spec, OnBreach on_breach)
      : command(command), end_signal(spec.end_signal), kill_after(spec.kill_after), on_breach(on_breach) {}

  Running* Hold() {
    __atomic_add_fetch(&holders, 1, __ATOMIC_RELAXED);
    return this;
  }
  void LetGo() override {
    if (__atomic_sub_fetch(&holders, 1, __ATOMIC_ACQ_REL) != 0) return;
    delete command;
    delete this;
  }

  void React(Guard* guard) override EXCLUDES(mutex) {
    MutexLock lock(&mutex);
    is_breached = guard->breached();
    if (started) Act();
  }

  // ---- orders of JavaScript, under the lock, because the command's thread closes the command

  void Go(uint64_t timeout) EXCLUDES(mutex) {
    MutexLock lock(&mutex);
    command->Go(timeout);
  }
  void Signal(int signal) EXCLUDES(mutex) {
    MutexLock lock(&mutex);
    command->Signal(signal);
  }
  void Pause(PausedBy by, bool pause) EXCLUDES(mutex) {
    MutexLock lock(&mutex);
    SetHold(by, pause);
  }
  // Whether a guard or the clock had ended it before.
  bool End(int signal, uint64_t kill_after) EXCLUDES(mutex) {
    MutexLock lock(&mutex);
    command->End(signal, kill_after);
    if (ending == Ending::kNo) ending = Ending::kAsked;
    return ending == Ending::kActed;
  }

  // ---- for the command's thread, and for guards

  // Does what the guard asks for, once the command runs.
  void Act() REQUIRES(mutex) {
    CommandEvent event;
    if (ending != Ending::kNo || on_breach == OnBreach::kReport) return;
    if (on_breach == OnBreach::kPause) {
      if (((holds & kByLimit) != 0) == is_breached) return;
      SetHold(kByLimit, is_breached);
      event.kind = is_breached ? CommandEvent::kPaused : CommandEvent::kResumed;
    } else {
      if (!is_breached) return;
      ending = Ending::kActed;
      const bool kill = on_breach == OnBreach::kKill;
      command->End(kill ? kKillSignal : end_signal, kill ? 0 : kill_after);
      event.kind = CommandEvent::kLimit;
    }
    event.at = MonotonicNow();
    Post(event);
  }

  // A pause of the caller stops the clock of the timeout; one of a limit, or for a share of CPU time, does not.
  void SetHold(PausedBy by, bool on) REQUIRES(mutex) {
    holds = static_cast<uint8_t>(on ? holds | by : holds & ~by);
    if (holds == 0)
      command->Resume();
    else
      command->Pause((holds & kByCall) != 0);
  }

  // Whether an event of the command is reported: its clock may have ended it when JavaScript or a guard already had.
  bool Decides(CommandEvent::Kind kind) REQUIRES(mutex) {
    const bool acts = kind == CommandEvent::kTimeout || kind == CommandEvent::kIdle;
    if (!acts && kind != CommandEvent::kExited) return true;
    if (on_breach == OnBreach::kReport) return true;
    const bool first = ending == Ending::kNo;
    if (first) ending = acts ? Ending::kActed : Ending::kAsked;
    return first || !acts;
  }

  void Post(const CommandEvent& event) REQUIRES(mutex) {
    if (reporter == nullptr) return;
    auto copy = std::make_unique<CommandEvent>(event);
    if (reporter.NonBlockingCall(copy.get()) == napi_ok) copy.release();
  }

  // Whether the end has been decided: not yet, by JavaScript or the command itself, or by a limit or the clock.
  enum class Ending : uint8_t { kNo, kAsked, kActed };

  Command* const command;
  const int end_signal;
  const uint64_t kill_after;
  const OnBreach on_breach;
  Mutex mutex;
  bool started GUARDED_BY(mutex) = false;
  bool is_breached GUARDED_BY(mutex) = false;
  uint8_t holds GUARDED_BY(mutex) = 0;
  Ending ending GUARDED_BY(mutex) = Ending::kNo;
  Reporter reporter GUARDED_BY(mutex);  // empty once all is reported, or the environment ends
  Hook hook;                            // on the environment's thread only; empty once it has run
  uint32_t holders = 1;
};

// On the command's thread.
void Follow(void* raw) {
  auto* running = static_cast<Running*>(raw);
  CommandEvent event;
  while (running->command->Next(&event)) {
    if (event.kind == CommandEvent::kStarted) Sampler::Get()->Hurry(running->command->root);
    MutexLock lock(&running->mutex);
    // At once: the environment may be busy starting other commands, and may never read the report.
    if (event.kind >= CommandEvent::kGone) running->command->Close();
    if (running->Decides(event.kind)) running->Post(event);
    if (event.kind != CommandEvent::kStarted) continue;
    running->started = true;
    running->Act();
  }
  {
    MutexLock lock(&running->mutex);
    running->command->Close();
    if (running->reporter != nullptr) running->reporter.Release();
    running->reporter = Running::Reporter();
  }
  running->LetGo();
}

void SetFailure(const SpawnFailure& failure, ResultObject* result) {
  result->SetCount("refused", failure.kind);
  result->SetText("why", failure.why.text);
}

void CallReport(Napi::Env env, Napi::Function report, Running* running, CommandEvent* raw) {
  const std::unique_ptr<CommandEvent> event(raw);
  if (env == nullptr || report == nullptr) return;
  const Command& command = *running->command;
  const double numbers[] = {static_cast<double>(event->kind),   ToMilliseconds(MonotonicNow() - event->at),
                            static_cast<double>(command.pid),   static_cast<double>(static_cast<uint32_t>(event->code)),
                            static_cast<double>(event->signal), static_cast<double>(event->ended),
                            static_cast<double>(event->left),   static_cast<double>(event->killed),
                            ToMilliseconds(event->cpu),         static_cast<double>(command.failure.kind)};
  const char* text = event->kind == CommandEvent::kFailed ? command.failure.why.text : command.group;
  const Napi::Value list = ToArray(env, numbers, sizeof(numbers) / sizeof(numbers[0]));
  CallListener(env, report, {list, Napi::String::New(env, text)});
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

// How many numbers prepareCommand() takes before the shared descriptors.
constexpr size_t kSettings = 9;

// prepareCommand(files, arguments, environment, directory, marker, [stdin, stdout, stderr, flags, endSignal,
// killAfterMs, idleMs, openFiles, onBreach, (shared, its number)...], report, place): { handle, root }, or { refused,
// why }
Napi::Value PrepareCommand(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const Strings files(info, 0), arguments(info, 1), environment(info, 2);
  const TextArgument directory(info, 3), marker(info, 4), place(info, 7);
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
  spec.place = place.get();
  for (int i = 0; i < 3; i++) spec.stdio[i] = static_cast<int>(numbers[i]);
  const auto flags = static_cast<int>(numbers[3]);
  spec.foreground = (flags & 1) != 0;
  spec.keep = (flags & 2) != 0;
  spec.end_signal = static_cast<int>(numbers[4]);
  spec.kill_after = ToNanoseconds(numbers[5]);
  spec.idle = ToNanoseconds(numbers[6]);
  spec.open_files = static_cast<uint64_t>(numbers[7]);
  const auto on_breach = static_cast<OnBreach>(numbers[8]);
  spec.dry_run = on_breach == OnBreach::kReport;
  for (size_t i = kSettings; i + 1 < settings.size && spec.shared_count < SpawnSpec::kMostShared; i += 2) {
    spec.shared[spec.shared_count] = static_cast<int>(numbers[i]);
    spec.numbers[spec.shared_count++] = static_cast<int>(numbers[i + 1]);
  }

  ResultObject result(env);
  SpawnFailure failure;
  Command* command = Command::Prepare(spec, &failure);
  if (command == nullptr) {
    SetFailure(failure, &result);
    return result;
  }
  auto* running = new Running(command, spec, on_breach);
  const bool reports = BeginReporting(env, info[6].As<Napi::Function>(), running);
  const auto handle = Napi::External<Running>::New(env, running->Hold(), [](Napi::Env, Running* it) { it->LetGo(); });
  if (handle.IsEmpty()) running->LetGo();
  const bool follows = StartThread(Follow, running->Hold(), "tripline-run");
  if (!follows) running->LetGo();
  // If its end could not be reported, or it had no handle to end it by, it must not run.
  const bool whole = reports && follows && !handle.IsEmpty();
  if (whole) {
    result.Set("handle", handle);
    result.SetNumber("root", static_cast<double>(command->root));
  } else {
    Abandon(running);
    // What was prepared ends at once, and is waited for here if no thread does that.
    CommandEvent event;
    while (!follows && command->Next(&event)) {
    }
    failure.why.Set(follows ? "the environment is ending" : "no thread for it: at the limit of threads or processes?");
    SetFailure(failure, &result);
  }
  running->LetGo();
  return result;
}

// The command of the handle; an environment that ends may have none.
Running* CommandOf(const Napi::CallbackInfo& info) { return info[0].As<Napi::External<Running>>().Data(); }

// goCommand(handle, timeoutMs)
void GoCommand(const Napi::CallbackInfo& info) {
  if (Running* running = CommandOf(info)) running->Go(ToDuration(info, 1));
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

// closePipe(end)
void ClosePipe(const Napi::CallbackInfo& info) { CloseCommandPipe(ToInt32(info, 0)); }

// signalCommand(handle, signal)
void SignalCommand(const Napi::CallbackInfo& info) {
  if (Running* running = CommandOf(info)) running->Signal(ToInt32(info, 1));
}

// endCommand(handle, signal, killAfterMs): whether a limit or the clock had ended it before
Napi::Value EndCommand(const Napi::CallbackInfo& info) {
  Running* running = CommandOf(info);
  return Napi::Boolean::New(info.Env(), running != nullptr && running->End(ToInt32(info, 1), ToDuration(info, 2)));
}

// pauseCommand(handle, pause, clockGoesOn)
void PauseCommand(const Napi::CallbackInfo& info) {
  if (Running* running = CommandOf(info)) running->Pause(ToBool(info, 2) ? kByShare : kByCall, ToBool(info, 1));
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

Reaction* ReactionOf(const Napi::Value& handle) {
  if (handle.IsBoolean()) return Sampler::Get()->watchdog().MakeReaction();
  Running* running = handle.IsExternal() ? handle.As<Napi::External<Running>>().Data() : nullptr;
  return running == nullptr ? nullptr : running->Hold();
}

void ExportSpawn(Napi::Object exports) {
  Export(exports, "prepareCommand", PrepareCommand);
  Export(exports, "goCommand", GoCommand);
  Export(exports, "openPipe", OpenPipe);
  Export(exports, "closePipe", ClosePipe);
  Export(exports, "signalCommand", SignalCommand);
  Export(exports, "endCommand", EndCommand);
  Export(exports, "pauseCommand", PauseCommand);
  Export(exports, "reapAdopted", Reap);
  Export(exports, "takeSent", Sent);
  Export(exports, "lockFile", Lock);
}

}  // namespace tripline
