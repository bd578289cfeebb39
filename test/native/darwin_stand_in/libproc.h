#pragma once
#include <sys/proc_info.h>

extern "C" {
int proc_listallpids(void* into, int size);
int proc_pidinfo(int pid, int flavor, uint64_t argument, void* into, int size);
}
