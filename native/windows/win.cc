// System calls that the files of this folder share.
#include "windows/win.h"

#include <cstdlib>
#include <cstring>

namespace tripline {

void SetWinError(const char* call, const char* subject, uint32_t error, const char* hint, Failure* why) {
  Message message;
  message.Add(call);
  if (subject[0] != '\0') message.Add(" ").Add(subject);
  message.Add(": error ").Add(error);
  if (hint[0] != '\0') message.Add(" (").Add(hint).Add(")");
  why->Set(message.get());
}

bool ReadSystemTimes(windows::CpuTicks* out) {
  FILETIME idle, kernel, user;
  if (!GetSystemTimes(&idle, &kernel, &user)) return false;
  *out = windows::CpuTicks{Ticks(idle), Ticks(kernel), Ticks(user)};
  return true;
}

HANDLE OpenForQuery(DWORD pid) {
  const HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, pid);
  if (process != nullptr || GetLastError() != ERROR_ACCESS_DENIED) return process;
  return OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
}

bool HasEnded(HANDLE process) {
  const DWORD waited = WaitForSingleObject(process, 0);
  if (waited != WAIT_FAILED) return waited == WAIT_OBJECT_0;
  // The handle was opened without the right to wait on it.
  DWORD code = 0;
  FILETIME created, exited, kernel, user;
  return !GetExitCodeProcess(process, &code) || !GetProcessTimes(process, &created, &exited, &kernel, &user) ||
         windows::HasExited(code, Ticks(exited));
}

Wide::Wide(const char* text) : Wide(text, strlen(text) + 1) {}

Wide::Wide(const char* text, size_t size) : text_(static_cast<wchar_t*>(malloc((size + 1) * sizeof(wchar_t)))) {
  if (text_ == nullptr) abort();
  // UTF-16 never needs more units than UTF-8 needs bytes.
  const int length = static_cast<int>(size);
  text_[MultiByteToWideChar(CP_UTF8, 0, text, length, text_, length)] = L'\0';
}

Wide::~Wide() { free(text_); }

void* FindFunction(const wchar_t* library, const char* name) {
  HMODULE module = GetModuleHandleW(library);
  if (module == nullptr) module = LoadLibraryExW(library, nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32);
  return module == nullptr ? nullptr : reinterpret_cast<void*>(GetProcAddress(module, name));
}

}  // namespace tripline
