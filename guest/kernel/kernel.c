/*
 * A kernel of two files, this and start.S, to read and to test bare machines with: it boots by Multiboot, sets up interrupts, a
 * timer and paging on demand, runs a program in ring 3, and ends the run by the debug-exit port. See docs/boot.md.
 */
#include <stdint.h>

#define KERNEL_CODE 0x08
#define TASK 0x28
#define GATE_INTERRUPT 0x8E
#define GATE_USER 0xEE
#define PRESENT 1
#define WRITABLE 2

struct frame { uint64_t rip, cs, rflags, rsp, ss; };
struct gate { uint16_t offset_low, selector; uint8_t stack, type; uint16_t offset_middle; uint32_t offset_high, zero; };
struct __attribute__((packed)) table_register { uint16_t limit; uint64_t base; };

extern uint8_t task_state[104], interrupt_stack[];
extern uint64_t gdt_task[2], directory_pointers[512];
extern void system_call(void), enter_user(void (*rip)(void), void *rsp);
extern __attribute__((noreturn)) void leave_user(void);
static struct gate idt[256];

static inline void out8(uint16_t port, uint8_t value) { __asm__ volatile("out %0, %1" : : "a"(value), "Nd"(port)); }
static inline uint8_t in8(uint16_t port) {
    uint8_t value;
    __asm__ volatile("in %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline void write_msr(uint32_t number, uint64_t value) {
    __asm__ volatile("wrmsr" : : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

/* The serial port. */
static void print(const char *text) {
    for (; *text; text++) {
        while (!(in8(0x3FD) & 0x20)) {}
        out8(0x3F8, *text);
    }
}
static void print_number(uint64_t number) {
    char digits[21], *at = digits + 20;
    for (*at = 0; number || at == digits + 20; number /= 10) *--at = '0' + number % 10;
    print(at);
}
static void report(const char *what, uint64_t number) {
    print(what);
    print_number(number);
    print("\n");
}
static __attribute__((noreturn)) void leave(uint8_t code) {
    for (;;) out8(0xF4, code);
}

/* Interrupts. */
static void set_gate(int vector, void *handler, uint8_t type, uint8_t stack) {
    uint64_t offset = (uint64_t)handler;
    idt[vector] = (struct gate){offset, KERNEL_CODE, stack, type, offset >> 16, offset >> 32, 0};
}

static volatile uint64_t timer_ticks, refused, breakpoints, demand_faults, calls;

__attribute__((interrupt)) static void on_timer(struct frame *frame) {
    (void)frame;
    timer_ticks++;
    out8(0x20, 0x20);
}
__attribute__((interrupt)) static void on_breakpoint(struct frame *frame) {
    breakpoints += (frame->cs & 3) == 3;
}
__attribute__((interrupt)) static void on_double_fault(struct frame *frame, uint64_t code) {
    (void)frame;
    report("double fault ", code);
    leave(2);
}
/* The program in ring 3 may not turn interrupts off: the instruction is skipped. */
__attribute__((interrupt)) static void on_protection(struct frame *frame, uint64_t code) {
    if ((frame->cs & 3) != 3 || code != 0) leave(3);
    refused++;
    frame->rip++;
}

/* The third gigabyte is mapped on demand, page after page. */
static uint64_t pool[16][512] __attribute__((aligned(4096)));
static int pool_used;

static uint64_t *table_at(uint64_t *entry) {
    if (!(*entry & PRESENT)) *entry = (uint64_t)pool[pool_used++] | PRESENT | WRITABLE;
    return (uint64_t *)(*entry & ~0xFFFull);
}
__attribute__((interrupt)) static void on_page_fault(struct frame *frame, uint64_t code) {
    uint64_t address;
    __asm__ volatile("mov %%cr2, %0" : "=r"(address));
    if (code & (PRESENT | 4) || address >> 30 != 2) {
        report("page fault at ", frame->rip);
        leave(4);
    }
    uint64_t *directory = table_at(&directory_pointers[address >> 30]);
    uint64_t *table = table_at(&directory[address >> 21 & 511]);
    table_at(&table[address >> 12 & 511]);
    demand_faults++;
}

/* The program in ring 3: it counts by system calls, and tries what it may not do. */
__attribute__((section(".user"))) static uint64_t call_kernel(uint64_t argument) {
    __asm__ volatile("syscall" : "+a"(argument) : : "rcx", "r11", "rdi", "rsi", "rdx", "r8", "r9", "r10", "memory");
    return argument;
}
__attribute__((section(".user"))) static void user_program(void) {
    uint64_t sum = 0;
    for (uint64_t n = 1; n <= 100; n++) sum = call_kernel(sum + n);
    __asm__ volatile("int3");
    __asm__ volatile("cli");
    __asm__ volatile("hlt");
    call_kernel(~sum);
    for (;;) {}
}
__attribute__((section(".user_data"), aligned(16))) static uint8_t user_stack_space[4096];

uint64_t handle_system_call(uint64_t argument) {
    calls++;
    if ((int64_t)argument >= 0) return argument;
    report("the program in ring 3 counted to ", ~argument);
    leave_user();
}

static void start_timer(uint16_t count) {
    static const uint8_t commands[][2] = {
        {0x20, 0x11}, {0xA0, 0x11}, {0x21, 0x20}, {0xA1, 0x28}, {0x21, 4}, {0xA1, 2}, {0x21, 1}, {0xA1, 1}, {0x21, 0xFE}, {0xA1, 0xFF},
    };
    for (unsigned n = 0; n < sizeof commands / 2; n++) out8(commands[n][0], commands[n][1]);
    out8(0x43, 0x34);
    out8(0x40, count);
    out8(0x40, count >> 8);
}

static void set_up_processor(void) {
    set_gate(3, on_breakpoint, GATE_USER, 0);
    set_gate(8, on_double_fault, GATE_INTERRUPT, 1);
    set_gate(13, on_protection, GATE_INTERRUPT, 0);
    set_gate(14, on_page_fault, GATE_INTERRUPT, 0);
    set_gate(32, on_timer, GATE_INTERRUPT, 0);
    struct table_register pointer = {sizeof idt - 1, (uint64_t)idt};
    __asm__ volatile("lidt %0" : : "m"(pointer));
    *(uint64_t *)(task_state + 36) = (uint64_t)interrupt_stack;
    uint64_t base = (uint64_t)task_state;
    gdt_task[0] = (base & 0xFFFFFF) << 16 | (base >> 24 & 0xFF) << 56 | 0x89ull << 40 | (sizeof task_state - 1);
    gdt_task[1] = base >> 32;
    __asm__ volatile("ltr %w0" : : "r"(TASK));
    write_msr(0xC0000081, (uint64_t)0x13 << 48 | (uint64_t)KERNEL_CODE << 32);
    write_msr(0xC0000082, (uint64_t)system_call);
    write_msr(0xC0000084, 0x200);
}

void kernel_main(const uint32_t *info) {
    print("bd0 kernel\n");
    set_up_processor();
    report("upper memory in KiB: ", info[2]);

    start_timer(1193);
    while (timer_ticks < 10) __asm__ volatile("sti; hlt; cli" : : : "memory");
    print("ten ticks of the timer\n");

    uint64_t sum = 0;
    for (uint64_t page = 0; page < 5; page++) *(volatile uint64_t *)(0x80000000 + page * 0x1000) = page * page;
    for (uint64_t page = 0; page < 5; page++) sum += *(volatile uint64_t *)(0x80000000 + page * 0x1000);
    report("pages mapped on demand: ", demand_faults);
    report("sum of what they hold: ", sum);

    enter_user(user_program, user_stack_space + sizeof user_stack_space - 8);
    report("system calls: ", calls);
    report("breakpoints: ", breakpoints);
    report("instructions refused: ", refused);
    print("done\n");
    leave(0);
}
