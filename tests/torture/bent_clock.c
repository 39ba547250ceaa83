/* For LD_PRELOAD: the clocks of a process are ahead by the whole seconds in the file $BENT_CLOCK, read at each call: one
   int64 for the wall clock, one for the monotonic clock. Absolute deadlines that the process computed from a bent
   monotonic clock are bent back before the kernel waits for them; CPython and libuv make all of theirs from that clock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t none[2];
static const volatile int64_t *ahead = none;

__attribute__((constructor)) static void look(void) {
    const char *path = getenv("BENT_CLOCK");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    void *found = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, fd, 0);
    if (found != MAP_FAILED) ahead = found;
    close(fd);
}

static int64_t of(clockid_t clock) {
    switch (clock) {
    case CLOCK_REALTIME: case CLOCK_REALTIME_COARSE: return ahead[0];
    case CLOCK_MONOTONIC: case CLOCK_MONOTONIC_COARSE: case CLOCK_MONOTONIC_RAW: case CLOCK_BOOTTIME: return ahead[1];
    default: return 0; /* what the process used of the processor is what it is */
    }
}

#define NEXT(name) \
    static __typeof__(&name) next; \
    if (next == NULL) next = (__typeof__(&name)) dlsym(RTLD_NEXT, #name)

int clock_gettime(clockid_t clock, struct timespec *now) {
    NEXT(clock_gettime);
    int failed = next(clock, now);
    if (failed == 0) now->tv_sec += of(clock);
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    NEXT(gettimeofday);
    int failed = next(now, zone);
    if (failed == 0) now->tv_sec += ahead[0];
    return failed;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) *out = now.tv_sec;
    return now.tv_sec;
}

static struct timespec straight(clockid_t clock, const struct timespec *deadline) {
    return (struct timespec){deadline->tv_sec - of(clock), deadline->tv_nsec};
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left) {
    NEXT(clock_nanosleep);
    struct timespec until = flags & TIMER_ABSTIME ? straight(clock, time) : *time;
    return next(clock, flags, &until, left);
}

int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *deadline) {
    NEXT(sem_clockwait);
    struct timespec until = straight(clock, deadline);
    return next(semaphore, clock, &until);
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *deadline) {
    static __typeof__(&pthread_cond_timedwait) next;
    /* The oldest version of this symbol, which dlsym may find, is of other condition variables. */
    if (next == NULL) next = (__typeof__(next)) dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (next == NULL) next = (__typeof__(next)) dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    struct timespec until = straight(CLOCK_MONOTONIC, deadline);
    return next(condition, mutex, &until);
}
