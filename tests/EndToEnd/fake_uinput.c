/* A kernel's uinput for machines without one, built as libc.so: the service takes ioctl from here and everything else from the C library.
   Below FAKE_UINPUT lie the device (uinput), sysfs (sys) and the nodes (dev), which are like /dev/null. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { DEV_CREATE = 0x5501, DEV_DESTROY = 0x5502, GET_SYSNAME = 44, MOST = 65536 };

static int next_device;
static int device_of[MOST];

static int is_ours(int fd)
{
    char path[4096];
    struct stat device, opened;
    const char *root = getenv("FAKE_UINPUT");
    if (!root || fd < 0 || fd >= MOST)
        return 0;
    snprintf(path, sizeof path, "%s/uinput", root);
    return !stat(path, &device) && !fstat(fd, &opened) && device.st_dev == opened.st_dev && device.st_ino == opened.st_ino;
}

static void place(char *path, size_t size, const char *format, int number)
{
    int length = snprintf(path, size, "%s/", getenv("FAKE_UINPUT"));
    snprintf(path + length, size - length, format, number, number);
}

static int create(int fd)
{
    char input[4096], event[4096], node[4096];
    int number = device_of[fd] = __sync_add_and_fetch(&next_device, 1);
    place(input, sizeof input, "sys/input%d", number);
    place(event, sizeof event, "sys/input%d/event%d", number);
    place(node, sizeof node, "dev/event%d", number);
    return mkdir(input, 0755) || mkdir(event, 0755) || mknod(node, S_IFCHR | 0660, makedev(1, 3)) ? -1 : 0;
}

static int destroy(int fd)
{
    char path[4096];
    place(path, sizeof path, "dev/event%d", device_of[fd]);
    unlink(path);
    place(path, sizeof path, "sys/input%d/event%d", device_of[fd]);
    rmdir(path);
    place(path, sizeof path, "sys/input%d", device_of[fd]);
    return rmdir(path);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (!is_ours(fd))
        return ((int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl"))(fd, request, argument);
    if (request == DEV_CREATE)
        return create(fd);
    if (request == DEV_DESTROY)
        return destroy(fd);
    if ((request & 0xff) == GET_SYSNAME && argument)
        sprintf(argument, "input%d", device_of[fd]);
    return 0;
}
