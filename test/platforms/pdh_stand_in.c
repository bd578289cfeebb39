// A pdh.dll for tests, which knows the counters that the library uses and returns figures that grow in a known way. Its
// first load is slow, and one counter of Z: is corrupt. Loaded in place of wine's own, which lacks these counters.
#include <windows.h>

typedef struct {
  DWORD status;
  FILETIME time;
  LONGLONG first, second;
  DWORD count;
} RawCounter;

static const wchar_t* const kPaths[] = {
  L"\\Processor Information(_Total)\\% Processor Time", L"\\System\\Processor Queue Length",
  L"\\LogicalDisk(C:)\\Disk Read Bytes/sec",            L"\\LogicalDisk(C:)\\Disk Write Bytes/sec",
  L"\\LogicalDisk(C:)\\% Idle Time",                       L"\\LogicalDisk(Z:)\\Disk Read Bytes/sec",
  L"\\LogicalDisk(Z:)\\Disk Write Bytes/sec",             L"\\LogicalDisk(Z:)\\% Idle Time",
};

static LONGLONG clock100ns;

static int Same(const wchar_t* a, const wchar_t* b) {
  while (*a != 0 && *a == *b) a++, b++;
  return *a == *b;
}

__declspec(dllexport) LONG WINAPI PdhOpenQueryW(LPCWSTR source, DWORD_PTR data, HANDLE* query) {
  (void)source;
  (void)data;
  Sleep(1000);
  *query = (HANDLE)1;
  return 0;
}

__declspec(dllexport) LONG WINAPI PdhAddEnglishCounterW(HANDLE query, LPCWSTR path, DWORD_PTR data, HANDLE* counter) {
  (void)query;
  (void)data;
  for (size_t i = 0; i < sizeof(kPaths) / sizeof(kPaths[0]); i++) {
    if (!Same(path, kPaths[i])) continue;
    *counter = (HANDLE)(i + 1);
    return 0;
  }
  return (LONG)0xC0000BB9;
}

__declspec(dllexport) LONG WINAPI PdhRemoveCounter(HANDLE counter) {
  (void)counter;
  return 0;
}

__declspec(dllexport) LONG WINAPI PdhCollectQueryData(HANDLE query) {
  (void)query;
  FILETIME now;
  GetSystemTimeAsFileTime(&now);
  clock100ns = ((LONGLONG)now.dwHighDateTime << 32) | now.dwLowDateTime;
  return 0;
}

__declspec(dllexport) LONG WINAPI PdhGetRawCounterValue(HANDLE counter, DWORD* type, RawCounter* out) {
  *type = 0;
  out->status = 0;
  out->second = clock100ns;
  switch ((int)(INT_PTR)counter) {
    case 1: out->first = clock100ns / 4; break;         // idle a quarter of the time: 75 % busy
    case 2: out->first = 1000; break;                   // a queue longer than any real one
    case 3: out->first = clock100ns / 10; break;        // 1 MB/s
    case 4: out->first = clock100ns / 5; break;         // 2 MB/s
    case 5: out->first = clock100ns / 2; break;         // half of the time
    case 6: case 8: out->first = clock100ns; break;
    case 7: out->status = 0xC0000BBA; break;            // PDH_CSTATUS_INVALID_DATA
    default: return (LONG)0xC0000BBC;
  }
  return 0;
}

__declspec(dllexport) LONG WINAPI PdhCloseQuery(HANDLE query) {
  (void)query;
  return 0;
}
