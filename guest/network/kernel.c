/*
 * A kernel of one file that uses the network: it boots by Multiboot into 32-bit protected mode, finds the virtio network device, asks
 * for the gateway by ARP, and gets a page by HTTP from the host, at the port that the command line says. See docs/boot.md.
 */
#include <stdint.h>

__asm__(".section .header, \"a\"\n"
        ".balign 4\n"
        ".long 0x1BADB002, 0, -0x1BADB002\n"
        ".text\n"
        ".globl start\n"
        "start: mov $stack + 16384, %esp\n"
        "    push %ebx\n"
        "    call kernel_main\n"
        "1:  hlt\n"
        "    jmp 1b\n"
        ".section .bss\n"
        ".balign 16\n"
        "stack: .skip 16384\n"
        ".text\n");

static inline void out8(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out32(uint16_t port, uint32_t value) { __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
static inline uint8_t in8(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline uint32_t in32(uint16_t port) {
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void print_byte(uint8_t byte) {
    while (!(in8(0x3FD) & 0x20)) {}
    out8(0x3F8, byte);
}
static void print(const char *text) {
    while (*text) print_byte(*text++);
}
static __attribute__((noreturn)) void leave(uint8_t code, const char *why) {
    print(why);
    for (;;) out8(0xF4, code);
}

/* PCI, by ports CF8h and CFCh. */
static uint32_t read_pci(uint32_t device, uint32_t at) {
    out32(0xCF8, 0x80000000 | device << 11 | at);
    return in32(0xCFC);
}
static void write_pci(uint32_t device, uint32_t at, uint32_t value) {
    out32(0xCF8, 0x80000000 | device << 11 | at);
    out32(0xCFC, value);
}

/* The device, behind 3 GiB: its registers are those of the virtio specification, 4.1.4. bd0 has its parts a page apart. */
#define REGISTERS 0xE0000000u
#define NETWORK_DEVICE 0x10411AF4u
#define REGISTER8(at) (*(volatile uint8_t *)(REGISTERS + (at)))
#define REGISTER16(at) (*(volatile uint16_t *)(REGISTERS + (at)))
#define REGISTER32(at) (*(volatile uint32_t *)(REGISTERS + (at)))

#define SIZE 8
#define BUFFER_BYTES 1536
#define HEADER_BYTES 12
enum { RECEIVE, SEND };

static struct {
    struct { uint64_t address; uint32_t length; uint16_t flags, next; } descriptors[SIZE];
    struct { uint16_t flags, index, ring[SIZE]; } available;
    struct { uint16_t flags, index; struct { uint32_t id, length; } ring[SIZE]; } used __attribute__((aligned(4)));
    uint8_t buffers[SIZE][BUFFER_BYTES];
    uint16_t seen;
} queues[2] __attribute__((aligned(4096)));
#define USED_INDEX(queue) (*(volatile uint16_t *)&queues[queue].used.index)

static void give(int queue, uint16_t number, uint32_t length) {
    queues[queue].descriptors[number].address = (uint32_t)queues[queue].buffers[number];
    queues[queue].descriptors[number].length = length;
    queues[queue].descriptors[number].flags = queue == RECEIVE ? 2 : 0;
    queues[queue].available.ring[queues[queue].available.index % SIZE] = number;
    /* The compiler keeps stores in their order across these. */
    __asm__ volatile("" : : : "memory");
    queues[queue].available.index++;
    __asm__ volatile("" : : : "memory");
    REGISTER16(0x3000 + 4 * queue) = queue;
}

static void start_device(void) {
    uint32_t device = 0;
    while (read_pci(device, 0) != NETWORK_DEVICE)
        if (++device == 32) leave(1, "there is no network device\n");
    write_pci(device, 0x10, REGISTERS);
    write_pci(device, 0x14, 0);
    write_pci(device, 0x04, 6);
    REGISTER8(0x14) = 0;
    REGISTER8(0x14) = 3;
    REGISTER32(0x08) = 0;
    REGISTER32(0x0C) = 1 << 5;
    REGISTER32(0x08) = 1;
    REGISTER32(0x0C) = 1;
    REGISTER8(0x14) = 0xB;
    for (int queue = 0; queue < 2; queue++) {
        REGISTER16(0x16) = queue;
        REGISTER16(0x18) = SIZE;
        REGISTER32(0x20) = (uint32_t)queues[queue].descriptors;
        REGISTER32(0x28) = (uint32_t)&queues[queue].available;
        REGISTER32(0x30) = (uint32_t)&queues[queue].used;
        REGISTER16(0x1C) = 1;
    }
    REGISTER8(0x14) = 0xF;
    if (REGISTER8(0x14) != 0xF) leave(1, "the device does not start\n");
    for (int number = 0; number < SIZE; number++) give(RECEIVE, number, BUFFER_BYTES);
}

/* Frames. */
static uint8_t *frame_to_send(void) { return queues[SEND].buffers[0] + HEADER_BYTES; }
static void send_frame(uint32_t length) {
    give(SEND, 0, HEADER_BYTES + length);
    while (USED_INDEX(SEND) != queues[SEND].available.index) {}
}
/* The next frame, which stays there until the next call; waits for it. */
static uint8_t *receive_frame(void) {
    static int last = -1;
    if (last >= 0) give(RECEIVE, last, BUFFER_BYTES);
    while (USED_INDEX(RECEIVE) == queues[RECEIVE].seen) __asm__ volatile("pause" : : : "memory");
    last = queues[RECEIVE].used.ring[queues[RECEIVE].seen++ % SIZE].id;
    return queues[RECEIVE].buffers[last] + HEADER_BYTES;
}

static void put16(uint8_t *at, uint16_t value) { at[0] = value >> 8, at[1] = value; }
static void put32(uint8_t *at, uint32_t value) { put16(at, value >> 16), put16(at + 2, value); }
static uint16_t get16(const uint8_t *at) { return at[0] << 8 | at[1]; }
static uint32_t get32(const uint8_t *at) { return (uint32_t)get16(at) << 16 | get16(at + 2); }
static void copy(uint8_t *to, const void *from, uint32_t length) {
    for (uint32_t at = 0; at < length; at++) to[at] = ((const uint8_t *)from)[at];
}

#define GUEST 0x0A00020F
#define GATEWAY 0x0A000202
static const uint8_t own_mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
static uint8_t gateway_mac[6];

static void find_gateway(void) {
    static const uint8_t request[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
    uint8_t *frame = frame_to_send();
    copy(frame, request, sizeof request);
    copy(frame + 6, own_mac, 6);
    copy(frame + 22, own_mac, 6);
    put32(frame + 28, GUEST);
    put32(frame + 38, GATEWAY);
    send_frame(42);
    copy(gateway_mac, receive_frame() + 22, 6);
}

/* TCP: RFC 9293. */
static uint32_t sequence = 1000, acknowledgment;
static uint16_t port;
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static uint32_t sum_of(const uint8_t *bytes, uint32_t length) {
    uint32_t sum = 0;
    for (uint32_t at = 0; at < length; at++) sum += at % 2 ? bytes[at] : bytes[at] << 8;
    return sum;
}
static uint16_t checksum(uint32_t sum) {
    while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
    return ~sum;
}

static void send_segment(uint8_t flags, const char *data, uint32_t length) {
    uint8_t *frame = frame_to_send(), *ip = frame + 14, *tcp = ip + 20;
    for (int at = 0; at < 54; at++) frame[at] = 0;
    copy(frame, gateway_mac, 6);
    copy(frame + 6, own_mac, 6);
    put16(frame + 12, 0x0800);
    ip[0] = 0x45;
    put16(ip + 2, 40 + length);
    ip[8] = 64, ip[9] = 6;
    put32(ip + 12, GUEST);
    put32(ip + 16, GATEWAY);
    put16(ip + 10, checksum(sum_of(ip, 20)));
    put16(tcp, 40000);
    put16(tcp + 2, port);
    put32(tcp + 4, sequence);
    put32(tcp + 8, acknowledgment);
    tcp[12] = 0x50, tcp[13] = flags;
    put16(tcp + 14, 1000);
    copy(tcp + 20, data, length);
    put16(tcp + 16, checksum(sum_of(ip + 12, 8) + 6 + 20 + length + sum_of(tcp, 20 + length)));
    send_frame(54 + length);
    sequence += length + (flags & (SYN | FIN) ? 1 : 0);
}

/* Takes a segment, prints its data, and acknowledges it. Returns its flags. */
static uint8_t receive_segment(void) {
    uint8_t *ip = receive_frame() + 14, *tcp = ip + 20;
    uint8_t flags = tcp[13];
    if (ip[9] != 6 || flags & RST) leave(2, "the connection is refused\n");
    if (checksum(sum_of(ip, 20)) != 0) leave(3, "a wrong checksum\n");
    uint32_t length = get16(ip + 2) - 20, header = (tcp[12] >> 4) * 4;
    if (checksum(sum_of(ip + 12, 8) + 6 + length + sum_of(tcp, length)) != 0) leave(3, "a wrong checksum\n");
    if (flags & SYN) acknowledgment = get32(tcp + 4) + 1;
    if (get32(tcp + 4) != acknowledgment || length - header + (flags & FIN) == 0) return 0;
    for (uint32_t at = header; at < length; at++) print_byte(tcp[at]);
    acknowledgment += length - header + (flags & FIN);
    send_segment(ACK, "", 0);
    return flags;
}

void kernel_main(const uint32_t *info) {
    const char *line = info[0] & 4 ? (const char *)info[4] : "";
    while (*line && *line != ' ') line++;
    while (*line == ' ') line++;
    for (; *line >= '0' && *line <= '9'; line++) port = port * 10 + *line - '0';
    start_device();
    find_gateway();
    print("the gateway is there\n");
    send_segment(SYN, "", 0);
    receive_segment();
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    send_segment(ACK, request, sizeof request - 1);
    while (!(receive_segment() & FIN)) {}
    send_segment(FIN | ACK, "", 0);
    leave(0, "done\n");
}
