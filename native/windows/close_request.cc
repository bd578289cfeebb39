// Sends Ctrl-Break to a process group and WM_CLOSE to windows.
#include "windows/close_request.h"

namespace tripline {
namespace {

// user32.dll is used only if it is loaded already: most hosts have loaded it, and a service should not load it for
// this.
using ForEachWindow = BOOL(WINAPI*)(WNDENUMPROC, LPARAM);
using OwnerOf = DWORD(WINAPI*)(HWND, DWORD*);
using Post = BOOL(WINAPI*)(HWND, UINT, WPARAM, LPARAM);

template <typename Function>
Function FindLoaded(const char* name) {
  const HMODULE user = GetModuleHandleW(L"user32.dll");
  return user == nullptr ? nullptr : reinterpret_cast<Function>(reinterpret_cast<void*>(GetProcAddress(user, name)));
}

struct Closing {
  const JobList* job;
  List<DWORD>* asked;
  OwnerOf owner;
  Post post;
};

BOOL CALLBACK CloseOne(HWND window, LPARAM raw) {
  auto* closing = reinterpret_cast<Closing*>(raw);
  DWORD pid = 0;
  closing->owner(window, &pid);
  if (!closing->job->Has(pid) || !closing->post(window, WM_CLOSE, 0, 0)) return TRUE;
  for (const DWORD each : *closing->asked) {
    if (each == pid) return TRUE;
  }
  closing->asked->push_back(pid);
  return TRUE;
}

}  // namespace

bool CloseRequest::Ask(const JobList& job, DWORD leader) {
  // Group 0 would mean all processes of this console, including this one.
  by_console_ = leader != 0 && GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, leader);
  asked_.clear();
  const auto each = FindLoaded<ForEachWindow>("EnumWindows");
  Closing closing = {&job, &asked_, FindLoaded<OwnerOf>("GetWindowThreadProcessId"), FindLoaded<Post>("PostMessageW")};
  if (each != nullptr && closing.owner != nullptr && closing.post != nullptr) {
    each(CloseOne, reinterpret_cast<LPARAM>(&closing));
  }
  return by_console_;
}

bool CloseRequest::MayStillEnd(const JobList& job) const {
  for (const DWORD each : asked_) {
    if (job.Has(each)) return true;
  }
  if (!by_console_) return false;
  DWORD attached[256];
  const DWORD count = GetConsoleProcessList(attached, 256);
  // If more processes are attached than fit, assume that one of the job is among them.
  if (count > 256) return true;
  for (DWORD i = 0; i < count; i++) {
    if (job.Has(attached[i])) return true;
  }
  return false;
}

}  // namespace tripline
