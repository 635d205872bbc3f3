/*
 * The BD0 interface for programs: kernel calls, their structures and errors, and the header page of a process.
 *
 * A kernel call is the instruction VMCALL with its number in rax and its arguments in rdi, rsi, rdx, r10, r8 and r9.
 * The result is in rax: an error if and only if it lies, as a signed number, in -4095..-1, else a value or an address.
 * Every other register and the flags are preserved. A call that fails has changed nothing.
 *
 * Numbers and errors are macros, so that assembly can include this file too.
 */
#ifndef BD0_H
#define BD0_H

/* Numbers of the kernel calls. */
#define BD0_CALL_EXIT 0
#define BD0_CALL_START 1
#define BD0_CALL_PROCESS_FIND 2
#define BD0_CALL_PROCESS_START 3
#define BD0_CALL_PROCESS_INFO 4
#define BD0_CALL_PROCESS_LIST 5
#define BD0_CALL_PROCESS_WAIT 6
#define BD0_CALL_PROCESS_KILL 7
#define BD0_CALL_THREAD_SPAWN 8
#define BD0_CALL_THREAD_EXIT 9
#define BD0_CALL_THREAD_JOIN 10
#define BD0_CALL_THREAD_SELF 11
#define BD0_CALL_YIELD 12
#define BD0_CALL_SLEEP 13
#define BD0_CALL_HEAP_POINTER 14
#define BD0_CALL_HEAP_ADVANCE 15
#define BD0_CALL_CONSOLE_WRITE 16
#define BD0_CALL_CONSOLE_READ 17
#define BD0_CALL_CLOCK 18
#define BD0_CALL_WAIT_WORD 19
#define BD0_CALL_WAKE_WORD 20
#define BD0_CALL_CONSOLE_MODE 21
#define BD0_CALL_VMO_CREATE 32
#define BD0_CALL_VMO_ZEROS 33
#define BD0_CALL_VMO_SLICE 34
#define BD0_CALL_VMO_CONCAT 35
#define BD0_CALL_VMO_DELTA 36
#define BD0_CALL_VMO_OPEN 37
#define BD0_CALL_VMO_HASH 38
#define BD0_CALL_VMO_LENGTH 39
#define BD0_CALL_VMO_READ 40
#define BD0_CALL_VMO_MAP 41
#define BD0_CALL_VMO_UNMAP 42
#define BD0_CALL_VMO_COMMIT 43
#define BD0_CALL_VMO_CLOSE 44
#define BD0_CALL_NAME_LOOKUP 48
#define BD0_CALL_NAME_PUBLISH 49
#define BD0_CALL_NAME_LIST 50
#define BD0_CALL_DEBUG_ALLOW 64
#define BD0_CALL_DEBUG_LAST_WRITER 65
#define BD0_CALL_DEBUG_MODE 66

/* Errors, with Linux's numbers. A failed call returns the negative number. */
#define BD0_ENOENT 2
#define BD0_ESRCH 3
#define BD0_ENOEXEC 8
#define BD0_EBADF 9
#define BD0_EAGAIN 11
#define BD0_ENOMEM 12
#define BD0_EFAULT 14
#define BD0_EEXIST 17
#define BD0_EINVAL 22
#define BD0_ENOSPC 28
#define BD0_ERANGE 34
#define BD0_EDEADLK 35
#define BD0_ENOSYS 38
#define BD0_ENODATA 61
#define BD0_ETIMEDOUT 110

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The calling process, for calls that take a pid. */
#define BD0_SELF 0

/** The entry function of a new thread; its result is the exit code of the thread. */
typedef int bd0_thread_function(void *argument);

/** Flags of bd0_start: start in debug mode, and live in the region of another process. */
#define BD0_START_DEBUG 1
#define BD0_START_SHARE 2

/** Deadlines, in nanoseconds of the machine's clock: do not wait at all, and wait indefinitely. */
#define BD0_NO_WAIT 0
#define BD0_FOREVER UINT64_MAX

/** The next free byte of the heap and the lowest address reserved for stacks, updated together by LOCK CMPXCHG16B. */
struct bd0_heap_pair {
  uint64_t heap_pointer;
  uint64_t stack_floor;
} __attribute__((aligned(16)));

/** The header page: the first page of a process's region. Programs may update `heap`, but nothing else. */
struct bd0_header {
  char magic[8]; /* "BD0PROC", and a zero byte */
  uint32_t version;
  uint32_t header_size; /* in bytes */
  uint64_t pid;
  uint64_t parent;
  uint64_t start; /* of the region */
  uint64_t size;  /* of the region, in bytes */
  uint64_t entry;
  uint64_t image_base;
  struct bd0_heap_pair heap;
  uint64_t argc;
  uint64_t argv; /* address of the array of pointers */
  uint8_t image_id[32];
  char name[64];
};

/** The result of process_info. */
struct bd0_process_info {
  uint64_t pid;
  uint64_t parent;
  uint64_t start;
  uint64_t size;
  uint64_t entry;
  uint64_t heap_pointer;
  uint64_t stack_floor;
  uint64_t state;
  uint64_t threads;
  uint64_t resident_frames;
  uint64_t shared_frames;
  uint8_t image_id[32];
  char name[64];
};

/** One patch of a vmo_delta: `length` bytes at `address` replace those at `offset`. */
struct bd0_patch {
  uint64_t offset;
  uint64_t address;
  uint64_t length;
};

/** The result of debug_last_writer. */
struct bd0_last_writer {
  uint64_t tid;
  uint64_t rip;  /* of the instruction; for a kernel call, of the one after it */
  uint64_t tick; /* of the machine's clock */
};

/** True if the result of a kernel call is an error, whose number is `-result`. Upper-half addresses are not errors. */
static inline int bd0_is_error(int64_t result) {
  return result >= -4095 && result <= -1;
}

/** Makes any kernel call, by number; arguments that the call does not take are ignored. */
static inline int64_t bd0_vmcall(int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                                 uint64_t f) {
  register uint64_t r10 __asm__("r10") = d;
  register uint64_t r8 __asm__("r8") = e;
  register uint64_t r9 __asm__("r9") = f;
  int64_t result;
  /* Changes only rax and memory that an argument points to. */
  __asm__ volatile("vmcall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "memory");
  return result;
}

/** Ends the process and all its threads; its exit code is `code & 255`. Does not flush stdio; `exit` does. */
__attribute__((noreturn)) static inline void bd0_exit(int64_t code) {
  bd0_vmcall(BD0_CALL_EXIT, (uint64_t)code, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}

/** Starts the program `name` in a new region of `limit` bytes, or with BD0_START_SHARE in the region of `host_pid`, of
    which it takes at most `limit` bytes; returns its pid. `argv` ends with NULL; if it is NULL, only the name is
    passed. EFAULT ENOENT ENOEXEC EINVAL ENOMEM ENOSPC ESRCH */
static inline int64_t bd0_start(const char *name, uint64_t limit, char *const *argv, uint64_t flags, uint64_t host_pid) {
  return bd0_vmcall(BD0_CALL_START, (uint64_t)name, limit, (uint64_t)argv, flags, host_pid, 0);
}

/** Returns the lowest pid of the live processes named `name`. EFAULT ENOENT */
static inline int64_t bd0_process_find(const char *name) {
  return bd0_vmcall(BD0_CALL_PROCESS_FIND, (uint64_t)name, 0, 0, 0, 0, 0);
}

/** Returns the start of a process's region, which begins with its header page. ESRCH */
static inline int64_t bd0_process_start(uint64_t pid) {
  return bd0_vmcall(BD0_CALL_PROCESS_START, pid, 0, 0, 0, 0, 0);
}

/** Fills `*info`; returns 0. ESRCH EFAULT */
static inline int64_t bd0_process_info(uint64_t pid, struct bd0_process_info *info) {
  return bd0_vmcall(BD0_CALL_PROCESS_INFO, pid, (uint64_t)info, 0, 0, 0, 0);
}

/** Fills `pids` with at most `n` pids of live processes, ascending; returns the number of live processes. EFAULT */
static inline int64_t bd0_process_list(uint64_t *pids, uint64_t n) {
  return bd0_vmcall(BD0_CALL_PROCESS_LIST, (uint64_t)pids, n, 0, 0, 0, 0);
}

/** Waits for a process to end until `deadline`; returns its exit code. The code of a child that has already ended can
    be collected once. ESRCH EDEADLK ETIMEDOUT */
static inline int64_t bd0_process_wait(uint64_t pid, uint64_t deadline) {
  return bd0_vmcall(BD0_CALL_PROCESS_WAIT, pid, deadline, 0, 0, 0, 0);
}

/** Ends a process with the exit code `code & 255`; returns 0. ESRCH */
static inline int64_t bd0_process_kill(uint64_t pid, uint64_t code) {
  return bd0_vmcall(BD0_CALL_PROCESS_KILL, pid, code, 0, 0, 0, 0);
}

/** Starts a thread that calls `entry(argument)` on a stack of at least `stack_size` bytes and ends when that returns,
    with the low 32 bits of the result as its exit code; returns its tid. EINVAL ENOMEM */
static inline int64_t bd0_thread_spawn(bd0_thread_function *entry, void *argument, uint64_t stack_size) {
  return bd0_vmcall(BD0_CALL_THREAD_SPAWN, (uint64_t)entry, (uint64_t)argument, stack_size, 0, 0, 0);
}

/** Ends the thread with the low 32 bits of `code`; the last thread ends the process, with `code & 255`. */
__attribute__((noreturn)) static inline void bd0_thread_exit(uint64_t code) {
  bd0_vmcall(BD0_CALL_THREAD_EXIT, code, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}

/** Waits for a thread to end until `deadline`; returns its exit code. The code of a thread of the caller's process that
    has already ended can be collected once. ESRCH EDEADLK ETIMEDOUT */
static inline int64_t bd0_thread_join(uint64_t tid, uint64_t deadline) {
  return bd0_vmcall(BD0_CALL_THREAD_JOIN, tid, deadline, 0, 0, 0, 0);
}

/** Returns the tid of the calling thread. */
static inline int64_t bd0_thread_self(void) {
  return bd0_vmcall(BD0_CALL_THREAD_SELF, 0, 0, 0, 0, 0, 0);
}

/** Gives the rest of the time slice to other threads; returns 0. */
static inline int64_t bd0_yield(void) {
  return bd0_vmcall(BD0_CALL_YIELD, 0, 0, 0, 0, 0, 0);
}

/** Waits for at least `ns` nanoseconds of the machine's clock; returns 0. */
static inline int64_t bd0_sleep(uint64_t ns) {
  return bd0_vmcall(BD0_CALL_SLEEP, ns, 0, 0, 0, 0, 0);
}

/** Returns the address of a process's `struct bd0_heap_pair`. ESRCH */
static inline int64_t bd0_heap_pointer(uint64_t pid) {
  return bd0_vmcall(BD0_CALL_HEAP_POINTER, pid, 0, 0, 0, 0, 0);
}

/** Allocates a block of the caller's heap, as `bd0_heap_alloc` does; returns its address. ENOMEM EINVAL */
static inline int64_t bd0_heap_advance(uint64_t size, uint64_t align) {
  return bd0_vmcall(BD0_CALL_HEAP_ADVANCE, size, align, 0, 0, 0, 0);
}

/** Writes `n` bytes to the console; returns `n`. EFAULT */
static inline int64_t bd0_console_write(const void *buffer, uint64_t n) {
  return bd0_vmcall(BD0_CALL_CONSOLE_WRITE, (uint64_t)buffer, n, 0, 0, 0, 0);
}

/** Reads at most `n` available bytes from the console, waiting for the first one until `deadline`; returns their
    number, 0 at the end of the input. EFAULT ETIMEDOUT */
static inline int64_t bd0_console_read(void *buffer, uint64_t n, uint64_t deadline) {
  return bd0_vmcall(BD0_CALL_CONSOLE_READ, (uint64_t)buffer, n, deadline, 0, 0, 0);
}

/** Input modes of a terminal: lines, which the kernel echoes and edits, or raw bytes. */
#define BD0_LINES 0
#define BD0_RAW 1

/** Sets the terminal input mode of the process, initially BD0_LINES; returns the previous mode. EINVAL */
static inline int64_t bd0_console_mode(uint64_t mode) {
  return bd0_vmcall(BD0_CALL_CONSOLE_MODE, mode, 0, 0, 0, 0, 0);
}

/** Returns the nanoseconds since the machine started: one for each instruction retired. */
static inline int64_t bd0_clock(void) {
  return bd0_vmcall(BD0_CALL_CLOCK, 0, 0, 0, 0, 0, 0);
}

/** If `*address` is `expected`, waits until `deadline` for a bd0_wake_word of the same address; returns 0. Wake-ups
    after the comparison are never lost. EINVAL EFAULT EAGAIN ETIMEDOUT */
static inline int64_t bd0_wait_word(const uint32_t *address, uint32_t expected, uint64_t deadline) {
  return bd0_vmcall(BD0_CALL_WAIT_WORD, (uint64_t)address, expected, deadline, 0, 0, 0);
}

/** Wakes at most `n` threads that wait for the word, in FIFO order; returns their number. EINVAL EFAULT */
static inline int64_t bd0_wake_word(const uint32_t *address, uint64_t n) {
  return bd0_vmcall(BD0_CALL_WAKE_WORD, (uint64_t)address, n, 0, 0, 0, 0);
}

/** Allows a thread in debug mode to write `n` bytes at `address`, outside its process; tid 0 is the caller.
    ESRCH EINVAL ENOMEM */
static inline int64_t bd0_debug_allow(uint64_t tid, const void *address, uint64_t n) {
  return bd0_vmcall(BD0_CALL_DEBUG_ALLOW, tid, (uint64_t)address, n, 0, 0, 0);
}

/** Finds the thread in debug mode that last stored to a byte outside its process; returns 0. ENODATA EFAULT */
static inline int64_t bd0_debug_last_writer(const void *address, struct bd0_last_writer *writer) {
  return bd0_vmcall(BD0_CALL_DEBUG_LAST_WRITER, (uint64_t)address, (uint64_t)writer, 0, 0, 0, 0);
}

/** Turns debug mode on (1) or off (0) for a thread; tid 0 is the caller. Returns the previous value. ESRCH EINVAL */
static inline int64_t bd0_debug_mode(uint64_t tid, uint64_t on) {
  return bd0_vmcall(BD0_CALL_DEBUG_MODE, tid, on, 0, 0, 0, 0);
}

/** Makes a VMO from a copy of the `n` bytes at `buffer`; returns its handle. EFAULT ENOMEM */
static inline int64_t bd0_vmo_create(const void *buffer, uint64_t n) {
  return bd0_vmcall(BD0_CALL_VMO_CREATE, (uint64_t)buffer, n, 0, 0, 0, 0);
}

/** Makes a VMO of `n` zeros; returns its handle. ENOMEM ERANGE */
static inline int64_t bd0_vmo_zeros(uint64_t n) {
  return bd0_vmcall(BD0_CALL_VMO_ZEROS, n, 0, 0, 0, 0, 0);
}

/** Makes a VMO from `n` bytes of another one, from `offset`; returns its handle. EBADF ENOMEM ERANGE */
static inline int64_t bd0_vmo_slice(int64_t handle, uint64_t offset, uint64_t n) {
  return bd0_vmcall(BD0_CALL_VMO_SLICE, (uint64_t)handle, offset, n, 0, 0, 0);
}

/** Concatenates VMOs; returns the handle of the new VMO. EBADF EFAULT ENOMEM ERANGE */
static inline int64_t bd0_vmo_concat(const int64_t *handles, uint64_t count) {
  return bd0_vmcall(BD0_CALL_VMO_CONCAT, (uint64_t)handles, count, 0, 0, 0, 0);
}

/** Makes a patched copy of a VMO; where patches overlap, the later one wins. Returns the handle of the new VMO.
    EBADF EFAULT ENOMEM ERANGE */
static inline int64_t bd0_vmo_delta(int64_t handle, const struct bd0_patch *patches, uint64_t count) {
  return bd0_vmcall(BD0_CALL_VMO_DELTA, (uint64_t)handle, (uint64_t)patches, count, 0, 0, 0);
}

/** Opens the VMO with an identity of 32 bytes; returns its handle. EFAULT ENOENT ENOMEM */
static inline int64_t bd0_vmo_open(const uint8_t *id) {
  return bd0_vmcall(BD0_CALL_VMO_OPEN, (uint64_t)id, 0, 0, 0, 0, 0);
}

/** Writes the identity of a VMO, 32 bytes, to `id`; returns 0. EBADF EFAULT ENOMEM */
static inline int64_t bd0_vmo_hash(int64_t handle, uint8_t *id) {
  return bd0_vmcall(BD0_CALL_VMO_HASH, (uint64_t)handle, (uint64_t)id, 0, 0, 0, 0);
}

/** Returns the length of a VMO in bytes. EBADF */
static inline int64_t bd0_vmo_length(int64_t handle) {
  return bd0_vmcall(BD0_CALL_VMO_LENGTH, (uint64_t)handle, 0, 0, 0, 0, 0);
}

/** Copies `n` bytes of a VMO, from `offset`, to `buffer`; returns `n`. EBADF EFAULT ERANGE */
static inline int64_t bd0_vmo_read(int64_t handle, uint64_t offset, void *buffer, uint64_t n) {
  return bd0_vmcall(BD0_CALL_VMO_READ, (uint64_t)handle, offset, (uint64_t)buffer, n, 0, 0);
}

/** Protection bits of a map. A page with any of them can be read. */
#define BD0_READ 1
#define BD0_WRITE 2 /* copy-on-write: the VMO does not change */
#define BD0_EXECUTE 4

/** Maps `n` bytes of a VMO, from `offset`, in whole pages at `address`, or at an address that the kernel chooses if
    that is NULL; returns the address. EBADF EEXIST EINVAL ENOMEM ERANGE */
static inline int64_t bd0_vmo_map(int64_t handle, uint64_t offset, void *address, uint64_t n, uint64_t protection) {
  return bd0_vmcall(BD0_CALL_VMO_MAP, (uint64_t)handle, offset, (uint64_t)address, n, protection, 0);
}

/** Unmaps the pages of `n` bytes at `address`; returns 0. EINVAL ENOMEM */
static inline int64_t bd0_vmo_unmap(void *address, uint64_t n) {
  return bd0_vmcall(BD0_CALL_VMO_UNMAP, (uint64_t)address, n, 0, 0, 0, 0);
}

/** Makes a VMO from a snapshot of whole pages of memory; returns its handle. EFAULT EINVAL ENOMEM */
static inline int64_t bd0_vmo_commit(const void *address, uint64_t n) {
  return bd0_vmcall(BD0_CALL_VMO_COMMIT, (uint64_t)address, n, 0, 0, 0, 0);
}

/** Closes a handle; returns 0. Maps of its VMO stay. EBADF */
static inline int64_t bd0_vmo_close(int64_t handle) {
  return bd0_vmcall(BD0_CALL_VMO_CLOSE, (uint64_t)handle, 0, 0, 0, 0, 0);
}

/** Special values instead of a handle: no VMO, and (for `expected` only) any VMO or none. */
#define BD0_NOTHING (-1)
#define BD0_ANYTHING (-2)

/** Opens the VMO that a name refers to; returns its handle. EFAULT ENOENT ENOMEM */
static inline int64_t bd0_name_lookup(const char *name) {
  return bd0_vmcall(BD0_CALL_NAME_LOOKUP, (uint64_t)name, 0, 0, 0, 0, 0);
}

/** Makes a name refer to a VMO, or removes it (BD0_NOTHING), if it now refers to the VMO of `expected`; returns 0.
    EAGAIN EBADF EFAULT EINVAL ENOMEM */
static inline int64_t bd0_name_publish(const char *name, int64_t handle, int64_t expected) {
  return bd0_vmcall(BD0_CALL_NAME_PUBLISH, (uint64_t)name, (uint64_t)handle, (uint64_t)expected, 0, 0, 0);
}

/** A name as returned by name_list, padded with zeros. */
struct bd0_name {
  char name[64];
};

/** Writes the next `n` names to `names`, ascending; returns the cursor for the next call, 0 at the end. EFAULT */
static inline int64_t bd0_name_list(struct bd0_name *names, uint64_t n, uint64_t cursor) {
  return bd0_vmcall(BD0_CALL_NAME_LIST, (uint64_t)names, n, cursor, 0, 0, 0);
}

/**
 * Allocates a block of `size` bytes of the process's heap at a multiple of `align` (a power of two). The block is
 * filled with zeros, which take no frame until they are touched, and lasts until the process ends. Returns NULL if
 * `align` is not a power of two, or if the heap would grow past the stacks. Lock-free: any number of threads may call
 * it, and a thread suspended in the middle never blocks another.
 */
void *bd0_heap_alloc(size_t size, size_t align);

#ifdef __cplusplus
}
#endif
#endif /* __ASSEMBLER__ */
#endif
