// Turns descriptors of the host into handles that a command inherits.
#include "windows/streams.h"

#include <initializer_list>

#include "port/platform.h"
#include "port/spawn.h"

namespace tripline {
namespace {

// Descriptors above 2 are known only to the host's C library, which can be reached through functions of libuv that the
// host may export.
template <typename Function>
Function FindFunction(const char* name) {
  Function found = nullptr;
  for (const wchar_t* host : {static_cast<const wchar_t*>(nullptr), L"libnode.dll"}) {
    const HMODULE module = GetModuleHandleW(host);
    if (module == nullptr || found != nullptr) continue;
    found = reinterpret_cast<Function>(reinterpret_cast<void*>(GetProcAddress(module, name)));
  }
  return found;
}

HANDLE FindInHost(int descriptor, Failure* why) {
  const auto lookup = FindFunction<intptr_t (*)(int)>("uv_get_osfhandle");
  Message message;
  message.Add("descriptor ").Add(static_cast<uint64_t>(descriptor));
  if (lookup == nullptr) {
    why->Set(message.Add(": this host does not say what it is").get());
    return nullptr;
  }
  // -1 means that the descriptor is not open, -2 that it has no handle.
  const intptr_t handle = lookup(descriptor);
  if (handle != -1 && handle != -2) return reinterpret_cast<HANDLE>(handle);
  why->Set(message.Add(" is not open").get());
  return nullptr;
}

HANDLE OpenNull(Failure* why) {
  SECURITY_ATTRIBUTES inherited = {sizeof(inherited), nullptr, TRUE};
  const HANDLE null = CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited,
                                  OPEN_EXISTING, 0, nullptr);
  if (null != INVALID_HANDLE_VALUE) return null;
  SetWinError("CreateFile", "NUL", GetLastError(), "", why);
  return nullptr;
}

// A named pipe, because the host's event loop needs an end for overlapped calls, which an anonymous pipe does not have.
bool OpenNamedPipe(HANDLE* server, HANDLE* client, Failure* why) {
  static uint32_t pipes = 0;
  Message name;
  name.Add("\\\\.\\pipe\\tripline-").Add(static_cast<uint64_t>(GetCurrentProcessId())).Add("-");
  name.Add(MonotonicNow()).Add("-").Add(static_cast<uint64_t>(__atomic_add_fetch(&pipes, 1, __ATOMIC_RELAXED)));
  // One instance, which must be the first of its name: another process can neither be it nor reach it.
  constexpr DWORD kBuffer = 64 * 1024;
  *server = CreateNamedPipeA(name.get(), PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                             PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1, kBuffer,
                             kBuffer, 0, nullptr);
  if (*server == INVALID_HANDLE_VALUE) {
    SetWinError("CreateNamedPipe", "", GetLastError(), "", why);
    return false;
  }
  *client = CreateFileA(name.get(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_EXISTING, 0, nullptr);
  if (*client != INVALID_HANDLE_VALUE) return true;
  SetWinError("CreateFile", name.get(), GetLastError(), "", why);
  CloseHandle(*server);
  return false;
}

}  // namespace

bool OpenCommandPipe(PipeUse, int* ends, Failure* why) {
  const auto open = FindFunction<int (*)(intptr_t)>("uv_open_osfhandle");
  if (open == nullptr) {
    why->Set("this host takes no handles as descriptors");
    return false;
  }
  HANDLE handles[2];
  if (!OpenNamedPipe(&handles[0], &handles[1], why)) return false;
  for (int i = 0; i < 2; i++) ends[i] = open(reinterpret_cast<intptr_t>(handles[i]));
  if (ends[0] >= 0 && ends[1] >= 0) return true;
  // Descriptors that were opened stay open: only the host's C library could close them.
  why->Set("the host has no descriptor left");
  return false;
}

void CloseCommandPipe(int) {}

HANDLE OpenStream(int descriptor, Failure* why) {
  constexpr DWORD kStandard[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
  if (descriptor < 0) return OpenNull(why);
  HANDLE found = nullptr;
  if (descriptor < 3) {
    found = GetStdHandle(kStandard[descriptor]);
    // A GUI program may have no standard handles.
    if (found == nullptr || found == INVALID_HANDLE_VALUE) return OpenNull(why);
  } else {
    found = FindInHost(descriptor, why);
    if (found == nullptr) return nullptr;
  }
  HANDLE copy = nullptr;
  const HANDLE self = GetCurrentProcess();
  if (DuplicateHandle(self, found, self, &copy, 0, TRUE, DUPLICATE_SAME_ACCESS)) return copy;
  SetWinError("DuplicateHandle", "", GetLastError(), "", why);
  return nullptr;
}

}  // namespace tripline
