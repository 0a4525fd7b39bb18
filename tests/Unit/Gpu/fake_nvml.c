/*
 * A fake NVML: the functions that the host service binds, over GPUs that a test makes up. What a test wants is set through the
 * fake_* functions, on the same copy of the library. With OLD_DRIVER it lacks what old drivers lack.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MOST_GPUS = 64, MOST_EVENTS = 256, MOST_RULES = 64, MOST_CALLS = 64 };
enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, TIMEOUT = 10, VERSION_MISMATCH = 25 };

typedef struct { unsigned long long total, free, used; } memory_v1;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory_v2;
typedef struct { unsigned gpu, memory; } utilization;
typedef struct { void *device; unsigned long long type, data; unsigned gpu_instance, compute_instance; } event_data;

typedef struct {
    int number;
    unsigned long long total, reserved, free, used;
    unsigned busy, memory_busy, sessions;
    int registered;
} gpu;

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static gpu gpus[MOST_GPUS];
static int order[MOST_GPUS];
static unsigned count;
static int opened, event_sets;
static struct { char function[64]; int gpu, result; } rules[MOST_RULES];
static int rule_count;
static struct { char function[64]; unsigned times; } calls[MOST_CALLS];
static int call_count;
static struct { int gpu; unsigned long long type, data; } events[MOST_EVENTS];
static unsigned first_event, last_event;

/* Counts the call and tells what it must answer: what a test has set, or success. */
static int enter(const char *function, int gpu_number) {
    int i, result = SUCCESS;
    for (i = 0; i < call_count && strcmp(calls[i].function, function) != 0; i++) { }
    if (i == call_count && call_count < MOST_CALLS) snprintf(calls[call_count++].function, sizeof calls[0].function, "%s", function);
    calls[i].times++;
    for (i = 0; i < rule_count; i++)
        if (strcmp(rules[i].function, function) == 0 && (rules[i].gpu < 0 || rules[i].gpu == gpu_number)) result = rules[i].result;
    if (result == SUCCESS && !opened && strcmp(function, "nvmlInit_v2") != 0) return UNINITIALIZED;
    return result;
}

/* ---- what a test sets ---- */

void fake_set_gpus(unsigned n) {
    pthread_mutex_lock(&gate);
    for (unsigned i = 0; i < MOST_GPUS; i++) {
        gpus[i] = (gpu){ .number = (int)i, .total = 16000ull << 20, .reserved = 500ull << 20, .free = 15000ull << 20, .used = 500ull << 20,
                         .busy = i, .memory_busy = i + 1, .sessions = i + 2 };
        order[i] = (int)i;
    }
    count = n;
    pthread_mutex_unlock(&gate);
}

/* Takes the GPU at an index off the list: those behind it move up. */
void fake_remove_gpu(unsigned index) {
    pthread_mutex_lock(&gate);
    for (unsigned i = index; i + 1 < count; i++) order[i] = order[i + 1];
    count--;
    pthread_mutex_unlock(&gate);
}

/* From now on the function answers this for that GPU, or for any when it is below zero. SUCCESS takes it back. */
void fake_answer(const char *function, int gpu_number, int result) {
    pthread_mutex_lock(&gate);
    int i;
    for (i = 0; i < rule_count && (strcmp(rules[i].function, function) != 0 || rules[i].gpu != gpu_number); i++) { }
    if (i == rule_count && rule_count < MOST_RULES) rule_count++;
    snprintf(rules[i].function, sizeof rules[i].function, "%s", function);
    rules[i].gpu = gpu_number;
    rules[i].result = result;
    pthread_mutex_unlock(&gate);
}

void fake_set_free_memory(unsigned gpu_number, unsigned long long bytes) {
    pthread_mutex_lock(&gate);
    gpus[gpu_number].free = bytes;
    pthread_mutex_unlock(&gate);
}

void fake_event(int gpu_number, unsigned long long type, unsigned long long data) {
    pthread_mutex_lock(&gate);
    events[last_event % MOST_EVENTS].gpu = gpu_number;
    events[last_event % MOST_EVENTS].type = type;
    events[last_event % MOST_EVENTS].data = data;
    last_event++;
    pthread_mutex_unlock(&gate);
}

unsigned fake_calls(const char *function) {
    unsigned times = 0;
    pthread_mutex_lock(&gate);
    for (int i = 0; i < call_count; i++)
        if (strcmp(calls[i].function, function) == 0) times = calls[i].times;
    pthread_mutex_unlock(&gate);
    return times;
}

int fake_open(void) { return opened; }

int fake_event_sets(void) { return event_sets; }

/* ---- NVML ---- */

#define ENTER(function, gpu_number) \
    pthread_mutex_lock(&gate); \
    int result = enter(function, gpu_number); \
    if (result != SUCCESS) { pthread_mutex_unlock(&gate); return result; }
#define LEAVE(value) do { int left = (value); pthread_mutex_unlock(&gate); return left; } while (0)

static gpu *at(void *device) { return (gpu *)device; }

int nvmlInit_v2(void) {
    ENTER("nvmlInit_v2", -1)
    opened++;
    LEAVE(SUCCESS);
}

int nvmlShutdown(void) {
    ENTER("nvmlShutdown", -1)
    opened--;
    for (int i = 0; i < MOST_GPUS; i++) gpus[i].registered = 0;
    LEAVE(SUCCESS);
}

const char *nvmlErrorString(int result) {
    static const char *words[] = {
        [0] = "Success", [1] = "Uninitialized", [2] = "Invalid Argument", [3] = "Not Supported", [4] = "Insufficient Permissions",
        [9] = "Driver Not Loaded", [10] = "Timeout", [12] = "NVML Shared Library Not Found", [15] = "GPU is lost", [16] = "GPU requires reset",
        [18] = "Driver/library version mismatch",
    };
    if (result == 999) return "Unknown Error";
    if (result < 0 || result >= (int)(sizeof words / sizeof words[0]) || words[result] == NULL) return "";
    return words[result];
}

int nvmlSystemGetDriverVersion(char *text, unsigned length) {
    ENTER("nvmlSystemGetDriverVersion", -1)
    snprintf(text, length, "550.54.15");
    LEAVE(SUCCESS);
}

int nvmlDeviceGetCount_v2(unsigned *n) {
    ENTER("nvmlDeviceGetCount_v2", -1)
    *n = count;
    LEAVE(SUCCESS);
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    ENTER("nvmlDeviceGetHandleByIndex_v2", index < count ? gpus[order[index]].number : -1)
    if (index >= count) LEAVE(INVALID_ARGUMENT);
    *device = &gpus[order[index]];
    LEAVE(SUCCESS);
}

int nvmlDeviceGetName(void *device, char *text, unsigned length) {
    ENTER("nvmlDeviceGetName", at(device)->number)
    snprintf(text, length, "Fake T4");
    LEAVE(SUCCESS);
}

int nvmlDeviceGetUUID(void *device, char *text, unsigned length) {
    ENTER("nvmlDeviceGetUUID", at(device)->number)
    snprintf(text, length, "GPU-0000-%02d", at(device)->number);
    LEAVE(SUCCESS);
}

int nvmlDeviceGetMemoryInfo(void *device, memory_v1 *memory) {
    ENTER("nvmlDeviceGetMemoryInfo", at(device)->number)
    memory->total = at(device)->total;
    memory->free = at(device)->free;
    memory->used = at(device)->used + at(device)->reserved;
    LEAVE(SUCCESS);
}

int nvmlDeviceGetUtilizationRates(void *device, utilization *rates) {
    ENTER("nvmlDeviceGetUtilizationRates", at(device)->number)
    rates->gpu = at(device)->busy;
    rates->memory = at(device)->memory_busy;
    LEAVE(SUCCESS);
}

int nvmlEventSetCreate(void **set) {
    ENTER("nvmlEventSetCreate", -1)
    event_sets++;
    *set = events;
    LEAVE(SUCCESS);
}

int nvmlEventSetFree(void *set) {
    ENTER("nvmlEventSetFree", -1)
    if (set != events) LEAVE(INVALID_ARGUMENT);
    event_sets--;
    LEAVE(SUCCESS);
}

int nvmlDeviceRegisterEvents(void *device, unsigned long long types, void *set) {
    ENTER("nvmlDeviceRegisterEvents", at(device)->number)
    if (set != events || types != 8) LEAVE(INVALID_ARGUMENT);
    at(device)->registered = 1;
    LEAVE(SUCCESS);
}

/* Events of a GPU that nobody registered for are dropped, as the driver does. */
static int wait(const char *function, void *set, event_data *data, unsigned milliseconds, size_t size) {
    ENTER(function, -1)
    if (set != events || milliseconds != 0) LEAVE(INVALID_ARGUMENT);
    while (first_event != last_event) {
        unsigned i = first_event++ % MOST_EVENTS;
        if (!gpus[events[i].gpu].registered) continue;
        event_data whole = { &gpus[events[i].gpu], events[i].type, events[i].data, 0xFFFFFFFFu, 0xFFFFFFFFu };
        memcpy(data, &whole, size);
        LEAVE(SUCCESS);
    }
    LEAVE(TIMEOUT);
}

int nvmlEventSetWait(void *set, event_data *data, unsigned milliseconds) { return wait("nvmlEventSetWait", set, data, milliseconds, 24); }

#ifndef OLD_DRIVER
int nvmlEventSetWait_v2(void *set, event_data *data, unsigned milliseconds) {
    return wait("nvmlEventSetWait_v2", set, data, milliseconds, sizeof *data);
}

int nvmlDeviceGetMemoryInfo_v2(void *device, memory_v2 *memory) {
    ENTER("nvmlDeviceGetMemoryInfo_v2", at(device)->number)
    if (memory->version != (sizeof *memory | 2u << 24)) LEAVE(VERSION_MISMATCH);
    memory->total = at(device)->total;
    memory->reserved = at(device)->reserved;
    memory->free = at(device)->free;
    memory->used = at(device)->used;
    LEAVE(SUCCESS);
}

int nvmlDeviceGetEncoderStats(void *device, unsigned *sessions, unsigned *fps, unsigned *latency) {
    ENTER("nvmlDeviceGetEncoderStats", at(device)->number)
    *sessions = at(device)->sessions;
    *fps = 60;
    *latency = 1000;
    LEAVE(SUCCESS);
}
#endif
