/* The machine as a program finds it: page faults of the heap, arguments from the command line, the console, the end. */
#include <bd0.h>
#include <stdint.h>

enum { MEMORY_END = 512 << 20 };
enum { COM1 = 0x3f8, LINE_CONTROL = COM1 + 3, LINE_STATUS = COM1 + 5, TRANSMITTER_READY = 0x20, TRANSMITTER_EMPTY = 0x40 };
enum { DEBUG_EXIT_PORT = 0xf4, BOCHS_OFF_PORT = 0x8900 };
enum { PAGE_FAULT = 14, CODE_SELECTOR = 8, TSS_DESCRIPTOR = 3 };
enum { ARGUMENTS = 8 };

/** Xen's public/arch-x86/hvm/start_info.h, as far as it is used. */
struct start_info {
  uint32_t magic;
  uint32_t version;
  uint32_t flags;
  uint32_t modules;
  uint64_t module_list;
  uint64_t command_line;
};

/** SDM Vol. 3A 8.7 "Task Management in 64-bit Mode" */
struct __attribute__((packed)) task_state {
  uint32_t reserved0;
  uint64_t rsp[3];
  uint64_t reserved1;
  uint64_t interrupt_stack[7];
  uint64_t reserved2;
  uint16_t reserved3;
  uint16_t io_map;
};

/** SDM Vol. 3A 6.14.1 "64-Bit Mode IDT" */
struct gate {
  uint16_t offset_low;
  uint16_t selector;
  uint8_t stack; /* which interrupt_stack, from 1 */
  uint8_t type;
  uint16_t offset_middle;
  uint32_t offset_high;
  uint32_t reserved;
};

extern uint64_t bare_gdt[];
extern struct gate bare_idt[];
extern char bare_fault_stack_top[], bare_heap[];
void bare_page_fault(void);
void bare_load_tables(void);

int main(int argc, char **argv);
_Noreturn void exit(int code);

static struct bd0_heap_pair heap;
static struct task_state task_state;

static void out_byte(uint16_t port, uint8_t byte) {
  __asm__ volatile("outb %0, %1" : : "a"(byte), "Nd"(port));
}

static uint8_t in_byte(uint16_t port) {
  uint8_t byte;
  __asm__ volatile("inb %1, %0" : "=a"(byte) : "Nd"(port));
  return byte;
}

static void catch_page_faults(void) {
  task_state.interrupt_stack[0] = (uint64_t)bare_fault_stack_top;
  task_state.io_map = sizeof task_state;
  /* Vol. 3A 3.5.2 "Segment Descriptor Tables in IA-32e Mode": 64-bit TSS, available. The image lies below 4 GiB. */
  uint64_t base = (uint64_t)&task_state;
  bare_gdt[TSS_DESCRIPTOR] =
      (sizeof task_state - 1) | (base & 0xffffff) << 16 | (uint64_t)0x89 << 40 | (base >> 24 & 0xff) << 56;
  uint64_t handler = (uint64_t)bare_page_fault;
  bare_idt[PAGE_FAULT] = (struct gate){
      .offset_low = (uint16_t)handler,
      .selector = CODE_SELECTOR,
      .stack = 1,
      .type = 0x8e,
      .offset_middle = (uint16_t)(handler >> 16),
  };
  bare_load_tables();
}

/** Parts the command line at its spaces, behind a name for the program. */
static int split(char *line, char **argv) {
  int argc = 0;
  argv[argc++] = (char *)"bare";
  while (line != NULL && *line != 0 && argc < ARGUMENTS) {
    while (*line == ' ') *line++ = 0;
    if (*line == 0) break;
    argv[argc++] = line;
    while (*line != 0 && *line != ' ') line++;
  }
  argv[argc] = NULL;
  return argc;
}

/** Called by _start. */
_Noreturn void bare_start(const struct start_info *info) {
  char *argv[ARGUMENTS + 1];
  heap = (struct bd0_heap_pair){(uint64_t)bare_heap, MEMORY_END};
  catch_page_faults();
  out_byte(LINE_CONTROL, 3); /* 8 bits, no parity, one stop bit */
  int argc = split((char *)info->command_line, argv);
  exit(main(argc, argv));
}

_Noreturn void bare_bad_fault(void) {
  static const char text[] = "bare: page fault outside the heap\n";
  bd0_console_write(text, sizeof text - 1);
  bd0_exit(1);
}

int64_t bd0_heap_pointer(uint64_t pid) {
  (void)pid;
  return (int64_t)&heap;
}

int64_t bd0_console_write(const void *buffer, uint64_t n) {
  const char *bytes = buffer;
  for (uint64_t i = 0; i < n; i++) {
    while ((in_byte(LINE_STATUS) & TRANSMITTER_READY) == 0)
      ;
    out_byte(COM1, (uint8_t)bytes[i]);
  }
  return (int64_t)n;
}

int64_t bd0_console_read(void *buffer, uint64_t n, uint64_t deadline) {
  (void)buffer, (void)n, (void)deadline;
  return 0;
}

_Noreturn void bd0_exit(int64_t code) {
  while ((in_byte(LINE_STATUS) & TRANSMITTER_EMPTY) == 0)
    ;
  out_byte(DEBUG_EXIT_PORT, (uint8_t)(code + BARE_EXIT_BASE));
  for (const char *text = "Shutdown"; *text != 0; text++) out_byte(BOCHS_OFF_PORT, (uint8_t)*text);
  for (;;) __asm__ volatile("cli; hlt");
}
