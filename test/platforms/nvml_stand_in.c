// A libnvidia-ml.so.1 for tests, with one GPU at 0000:01:00.0. The variable NVML_STAND_IN changes its behavior: "lies"
// returns implausible values, and "hangs" never returns. Compiled with OLD, the library lacks a function.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int Is(const char* word) {
  const char* given = getenv("NVML_STAND_IN");
  return given != NULL && strcmp(given, word) == 0;
}

int nvmlInit_v2(void) {
  while (Is("hangs")) pause();
  return 0;
}

int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 1;
  return 0;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char* address, void** device) {
  if (strcmp(address, "0000:01:00.0") != 0) return 6;
  *device = device;
  return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  *device = device;
  return index == 0 ? 0 : 2;
}

int nvmlDeviceGetUtilizationRates(void* device, unsigned* rates) {
  (void)device;
  rates[0] = Is("lies") ? 4000 : 93;
  rates[1] = 10;
  return 0;
}

int nvmlDeviceGetMemoryInfo(void* device, unsigned long long* memory) {
  (void)device;
  memory[0] = 8ull << 30;
  memory[1] = Is("lies") ? 9ull << 30 : 1ull << 30;
  memory[2] = 7ull << 30;
  return 0;
}

#ifndef OLD
int nvmlDeviceGetTemperature(void* device, unsigned sensor, unsigned* celsius) {
  (void)device;
  *celsius = Is("lies") ? 1000 : 66 + sensor;
  return 0;
}
#endif
