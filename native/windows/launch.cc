// Creates the process of a command, suspended and in its job.
#include "windows/launch.h"

#include <cstdlib>

#include "windows/command_line.h"

namespace tripline {
namespace {

constexpr size_t kLongestForCmd = 8191;
// PROC_THREAD_ATTRIBUTE_JOB_LIST and ERROR_ELEVATION_REQUIRED, which older headers do not have.
constexpr DWORD_PTR kJobList = 0x2000D;
constexpr DWORD kElevationRequired = 740;

bool Fail(SpawnFailure* why, SpawnFailure::Kind kind, const char* call, const char* subject, DWORD error) {
  why->kind = kind;
  SetWinError(call, subject, error, "", &why->why);
  return false;
}

SpawnFailure::Kind KindOf(DWORD error) {
  switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME: return SpawnFailure::kNotFound;
    case ERROR_ACCESS_DENIED:
    case ERROR_BAD_EXE_FORMAT:
    case ERROR_EXE_MACHINE_TYPE_MISMATCH:
    case ERROR_INVALID_EXE_SIGNATURE:
    case ERROR_EXE_MARKED_INVALID:
    case kElevationRequired: return SpawnFailure::kNotExecutable;
    default: return SpawnFailure::kOther;
  }
}

// Attributes of CreateProcess: which handles are inherited, and the job.
class Attributes {
 public:
  Attributes(const HANDLE* streams, HANDLE job) : job_(job) {
    for (int i = 0; i < 3; i++) streams_[i] = streams[i];
    SIZE_T size = 0;
    InitializeProcThreadAttributeList(nullptr, 2, 0, &size);
    list_ = static_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(malloc(size));
    if (list_ == nullptr) abort();
    InitializeProcThreadAttributeList(list_, 2, 0, &size);
  }
  ~Attributes() {
    DeleteProcThreadAttributeList(list_);
    free(list_);
  }
  // The job attribute may fail: Launch() puts a process that is not in the job there before it runs.
  bool Set() {
    UpdateProcThreadAttribute(list_, 0, kJobList, &job_, sizeof(job_), nullptr, nullptr);
    return UpdateProcThreadAttribute(list_, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, streams_, sizeof(streams_), nullptr,
                                     nullptr);
  }
  LPPROC_THREAD_ATTRIBUTE_LIST get() { return list_; }

 private:
  HANDLE streams_[3];
  HANDLE job_;
  LPPROC_THREAD_ATTRIBUTE_LIST list_;
};

bool CreateFrom(const char* file, const SpawnSpec& spec, wchar_t* environment, STARTUPINFOEXW* start, Launched* out,
                SpawnFailure* why) {
  Text line;
  const bool batch = windows::IsBatchFile(file);
  wchar_t interpreter[MAX_PATH + 16];
  Wide wide_file(file);
  const DWORD attributes = GetFileAttributesW(wide_file.get());
  const bool missing = attributes == INVALID_FILE_ATTRIBUTES;
  if (missing || (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0) {
    const DWORD error = missing ? GetLastError() : DWORD{ERROR_ACCESS_DENIED};
    return Fail(why, KindOf(error), "GetFileAttributes", file, error);
  }
  if (!batch) {
    windows::AddCommand(spec.arguments, &line);
  } else {
    // Use cmd.exe of the system folder, whatever COMSPEC says.
    const UINT length = GetSystemDirectoryW(interpreter, MAX_PATH);
    lstrcpyW(interpreter + length, L"\\cmd.exe");
    if (!windows::AddBatchCommand(file, spec.arguments, &line) || line.size() > kLongestForCmd) {
      why->kind = SpawnFailure::kOther;
      why->why.Set("a batch file takes arguments of one line, and 8191 characters of them");
      return false;
    }
  }
  Wide wide_line(line.get()), directory(spec.directory);
  DWORD attached = 0;
  DWORD flags = CREATE_SUSPENDED | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT;
  if (!spec.foreground) flags |= CREATE_NEW_PROCESS_GROUP;
  // If this process has no console, the command would get a new one with a window.
  if (GetConsoleProcessList(&attached, 1) == 0) flags |= CREATE_NO_WINDOW;
  PROCESS_INFORMATION made;
  if (!CreateProcessW(batch ? interpreter : wide_file.get(), wide_line.get(), nullptr, nullptr, TRUE, flags,
                      environment, spec.directory[0] == '\0' ? nullptr : directory.get(), &start->StartupInfo, &made)) {
    const DWORD error = GetLastError();
    return Fail(why, KindOf(error), "CreateProcess", file, error);
  }
  *out = {made.hProcess, made.hThread, made.dwProcessId};
  return true;
}

}  // namespace

bool Launch(const SpawnSpec& spec, const Job& job, const HANDLE* streams, Launched* out, SpawnFailure* why) {
  if (spec.directory[0] != '\0') {
    const DWORD attributes = GetFileAttributesW(Wide(spec.directory).get());
    const DWORD error = attributes == INVALID_FILE_ATTRIBUTES ? GetLastError() : DWORD{ERROR_DIRECTORY};
    if (attributes == INVALID_FILE_ATTRIBUTES || (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0) {
      return Fail(why, SpawnFailure::kOther, "the working directory", spec.directory, error);
    }
  }
  Text block;
  windows::AddEnvironment(spec.environment, &block);
  Wide environment(block.get(), block.size());
  Attributes attributes(streams, job.get());
  if (!attributes.Set()) return Fail(why, SpawnFailure::kOther, "UpdateProcThreadAttribute", "", GetLastError());
  STARTUPINFOEXW start = {};
  start.StartupInfo.cb = sizeof(start);
  start.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
  start.StartupInfo.hStdInput = streams[0];
  start.StartupInfo.hStdOutput = streams[1];
  start.StartupInfo.hStdError = streams[2];
  start.lpAttributeList = attributes.get();

  why->kind = SpawnFailure::kNotFound;
  for (const char* const* file = spec.files; *file != nullptr; file++) {
    if ((*file)[0] == '\0') continue;
    // As a shell does: a file that cannot be run does not hide one later in the path that can.
    SpawnFailure failure;
    if (CreateFrom(*file, spec, environment.get(), &start, out, &failure)) break;
    if (failure.kind == SpawnFailure::kOther || why->kind == SpawnFailure::kNotFound) *why = failure;
    if (failure.kind == SpawnFailure::kOther) return false;
  }
  if (out->process == nullptr) return false;
  if (job.Hold(out->process)) return true;
  Fail(why, SpawnFailure::kOther, "AssignProcessToJobObject", "", GetLastError());
  TerminateProcess(out->process, 1);
  CloseHandle(out->process);
  CloseHandle(out->thread);
  return false;
}

}  // namespace tripline
