/* For LD_PRELOAD: fsync and fdatasync of files below the directory $SLOW_SYNC take longer by the milliseconds that its
   file slow_sync.ms holds, if there is one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void wait_for(int fd) {
    const char *directory = getenv("SLOW_SYNC");
    char link[64], path[PATH_MAX];
    if (directory == NULL) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    size_t prefix = strlen(directory);
    if (strncmp(path, directory, prefix) != 0 || path[prefix] != '/') return;
    snprintf(path, sizeof path, "%s/slow_sync.ms", directory);
    FILE *pace = fopen(path, "r");
    int milliseconds = 0;
    if (pace == NULL) return;
    if (fscanf(pace, "%d", &milliseconds) != 1) milliseconds = 0;
    fclose(pace);
    usleep(1000 * milliseconds);
}

int fsync(int fd) {
    static int (*next)(int);
    if (next == NULL) next = dlsym(RTLD_NEXT, "fsync");
    wait_for(fd);
    return next(fd);
}

int fdatasync(int fd) {
    static int (*next)(int);
    if (next == NULL) next = dlsym(RTLD_NEXT, "fdatasync");
    wait_for(fd);
    return next(fd);
}
