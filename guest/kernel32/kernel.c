/*
 * A kernel of 32 bits, this and start.S, such as tutorials build: it boots by Multiboot, sets up segments, interrupts, a timer and
 * paging on demand, runs a program in ring 3 that calls it by INT 30h, and ends the run by the debug-exit port. See docs/boot.md.
 */
#include <stdint.h>

#define KERNEL_CODE 0x08
#define TASK 0x28
#define GATE_INTERRUPT 0x8E
#define GATE_USER 0xEE
#define PRESENT 1
#define WRITABLE 2
#define USER 4
#define CALL 48

struct frame { uint32_t ds, edi, esi, ebp, esp_unused, ebx, edx, ecx, eax, vector, code, eip, cs, eflags, esp, ss; };
struct gate { uint16_t offset_low, selector; uint8_t zero, type; uint16_t offset_high; };
struct __attribute__((packed)) table_register { uint16_t limit; uint32_t base; };

extern uint8_t entries[][16], task_state[104];
extern uint64_t gdt[];
extern void enter_user(void (*eip)(void), void *esp);
extern __attribute__((noreturn)) void leave_user(void);
static struct gate idt[CALL + 1];

static inline void out8(uint16_t port, uint8_t value) { __asm__ volatile("out %0, %1" : : "a"(value), "Nd"(port)); }
static inline uint8_t in8(uint16_t port) {
    uint8_t value;
    __asm__ volatile("in %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/* The serial port. */
static void print(const char *text) {
    for (; *text; text++) {
        while (!(in8(0x3FD) & 0x20)) {}
        out8(0x3F8, *text);
    }
}
static void print_number(uint32_t number) {
    char digits[11], *at = digits + 10;
    for (*at = 0; number || at == digits + 10; number /= 10) *--at = '0' + number % 10;
    print(at);
}
static void report(const char *what, uint32_t number) {
    print(what);
    print_number(number);
    print("\n");
}
static __attribute__((noreturn)) void leave(uint8_t code) {
    for (;;) out8(0xF4, code);
}

/* Paging: the first 4 MiB are mapped to themselves, those from 8 MiB on when they are touched. */
static uint32_t directory[1024] __attribute__((aligned(4096))), low_table[1024] __attribute__((aligned(4096)));
static uint32_t demand_table[1024] __attribute__((aligned(4096))), pool[8][1024] __attribute__((aligned(4096)));
static volatile uint32_t timer_ticks, refused, breakpoints, demand_faults, calls;
#define DEMAND 0x800000

static void start_paging(void) {
    for (uint32_t page = 0; page < 1024; page++) low_table[page] = page << 12 | PRESENT | WRITABLE | USER;
    directory[0] = (uint32_t)low_table | PRESENT | WRITABLE | USER;
    directory[DEMAND >> 22] = (uint32_t)demand_table | PRESENT | WRITABLE;
    __asm__ volatile("mov %0, %%cr3" : : "r"(directory));
    uint32_t cr0;
    __asm__ volatile("mov %%cr0, %0; or $0x80010000, %0; mov %0, %%cr0" : "=r"(cr0));
}

static void on_page_fault(struct frame *frame) {
    uint32_t address;
    __asm__ volatile("mov %%cr2, %0" : "=r"(address));
    if (frame->code & (PRESENT | USER) || address >> 22 != DEMAND >> 22) {
        report("page fault at ", frame->eip);
        leave(4);
    }
    demand_table[address >> 12 & 1023] = (uint32_t)pool[demand_faults++] | PRESENT | WRITABLE;
}

static void on_call(struct frame *frame) {
    calls++;
    if ((int32_t)frame->eax >= 0) return;
    report("the program in ring 3 counted to ", ~frame->eax);
    leave_user();
}

void handle_interrupt(struct frame *frame) {
    switch (frame->vector) {
    case 3: breakpoints += (frame->cs & 3) == 3; return;
    case 13: /* The program in ring 3 may not turn interrupts off, nor halt: the instruction is skipped. */
        if ((frame->cs & 3) != 3 || frame->code != 0) break;
        refused++;
        frame->eip++;
        return;
    case 14: on_page_fault(frame); return;
    case 32:
        timer_ticks++;
        out8(0x20, 0x20);
        return;
    case CALL: on_call(frame); return;
    }
    report("unexpected vector ", frame->vector);
    leave(2);
}

/* The program in ring 3: it counts by calls of the kernel, and tries what it may not do. */
static uint32_t call_kernel(uint32_t argument) {
    __asm__ volatile("int $48" : "+a"(argument));
    return argument;
}
static void user_program(void) {
    uint32_t sum = 0;
    for (uint32_t n = 1; n <= 100; n++) sum = call_kernel(sum + n);
    __asm__ volatile("int3; cli; hlt");
    call_kernel(~sum);
    for (;;) {}
}
static uint8_t user_stack[4096] __attribute__((aligned(16)));

static void set_up_interrupts(void) {
    for (int vector = 0; vector <= CALL; vector++) {
        uint32_t offset = (uint32_t)entries[vector];
        uint8_t type = vector == 3 || vector == CALL ? GATE_USER : GATE_INTERRUPT;
        idt[vector] = (struct gate){offset, KERNEL_CODE, 0, type, offset >> 16};
    }
    struct table_register pointer = {sizeof idt - 1, (uint32_t)idt};
    __asm__ volatile("lidt %0" : : "m"(pointer));
    uint64_t base = (uint32_t)task_state;
    gdt[TASK / 8] = (base & 0xFFFFFF) << 16 | (base >> 24) << 56 | 0x89ull << 40 | (sizeof task_state - 1);
    *(uint32_t *)(task_state + 8) = 0x10;
    __asm__ volatile("ltr %w0" : : "r"(TASK));
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

/* Upper memory in KiB: a field of Multiboot 1, and the tag 4 of Multiboot 2. */
static uint32_t upper_memory(uint32_t magic, const uint32_t *info) {
    if (magic == 0x2BADB002) return info[2];
    for (const uint32_t *tag = info + 2; tag[0] != 0; tag += (tag[1] + 7) / 8 * 2)
        if (tag[0] == 4) return tag[3];
    return 0;
}

void kernel_main(uint32_t magic, const uint32_t *info) {
    print("bd0 kernel of 32 bits\n");
    set_up_interrupts();
    report("upper memory in KiB: ", upper_memory(magic, info));

    start_timer(1193);
    while (timer_ticks < 10) __asm__ volatile("sti; hlt; cli" : : : "memory");
    print("ten ticks of the timer\n");

    start_paging();
    uint32_t sum = 0;
    for (uint32_t page = 0; page < 5; page++) *(volatile uint32_t *)(DEMAND + page * 0x1000) = page * page;
    for (uint32_t page = 0; page < 5; page++) sum += *(volatile uint32_t *)(DEMAND + page * 0x1000);
    report("pages mapped on demand: ", demand_faults);
    report("sum of what they hold: ", sum);

    enter_user(user_program, user_stack + sizeof user_stack - 4);
    report("calls from ring 3: ", calls);
    report("breakpoints: ", breakpoints);
    report("instructions refused: ", refused);
    print("done\n");
    leave(0);
}
