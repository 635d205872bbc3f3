/** Transcripts of the line debugger with gdb-guest.c, as debug.test.ts normalises them. */

export interface DebugTranscript {
  readonly name: string;
  /** Arguments of the guest. */
  readonly words?: readonly string[];
  /** The exit code. */
  readonly code: number;
  /** Its commands stand after the prompts. */
  readonly transcript: string;
}

export const TRANSCRIPTS: readonly DebugTranscript[] = [
  {
    name: 'breakpoints, watchpoints and motions',
    code: 3,
    transcript: `thread 1, tick N: ADDRESS in _start, start.S:14
14	    xorl %ebp, %ebp
(bd0) info break
there are no breakpoints and watchpoints
(bd0) break add if $rdi == 10
breakpoint 1 at ADDRESS in add+N, gdb-guest.c:20
(bd0) tbreak main
temporary breakpoint 2 at ADDRESS in main+N, gdb-guest.c:76
(bd0) c
temporary breakpoint 2, thread 1, tick N: ADDRESS in main+N, gdb-guest.c:76
76	  if (argc > 1 && strcmp(argv[1], "child") == 0) return in_child(20);
(bd0) bt
#0  ADDRESS in main+N, gdb-guest.c:76
#1  ADDRESS in bd0_start+N, start.c:109
#2  ADDRESS in _start+N, start.S:17 (a guess, from a scan of the stack)
(bd0) list
71	  int doubled = 2 * n;
72	  return doubled + 1;
73	}
74	
75	int main(int argc, char **argv) {
76	  if (argc > 1 && strcmp(argv[1], "child") == 0) return in_child(20);
77	  if (argc > 1 && strcmp(argv[1], "spin") == 0) return spin();
78	  if (argc > 1 && strcmp(argv[1], "crash") == 0) *(volatile int *)8 = 1;
79	  int total = loop(10);
80	  int product = factorial(5);
(bd0) n
thread 1, tick N: ADDRESS in main+N, gdb-guest.c:77
77	  if (argc > 1 && strcmp(argv[1], "spin") == 0) return spin();
(bd0) c
breakpoint 1, thread 1, tick N: ADDRESS in add+N, gdb-guest.c:20
20	  int sum = a + b;
(bd0) bt
#0  ADDRESS in add+N, gdb-guest.c:20
#1  ADDRESS in loop+N, gdb-guest.c:44
#2  ADDRESS in main+N, gdb-guest.c:79
#3  ADDRESS in bd0_start+N, start.c:109
#4  ADDRESS in _start+N, start.S:17 (a guess, from a scan of the stack)
(bd0) info reg rip
rip      ADDRESS  <add+N>
(bd0) s
thread 1, tick N: ADDRESS in add+N, gdb-guest.c:21
21	  return sum;
(bd0) s
thread 1, tick N: ADDRESS in add+N, gdb-guest.c:22
22	}
(bd0) finish
rax is 0xf (15)
thread 1, tick N: ADDRESS in loop+N, gdb-guest.c:44
44	    total = add(total, i);
(bd0) x/8xb $rsp
ADDRESS: 0x00 0x00 0x00 0x00 0x0a 0x00 0x00 0x00
(bd0) x/2i $rip
ADDRESS <loop+N>: mov dword ptr [rbp-0x4],eax
ADDRESS <loop+N>: add dword ptr [rbp-0x8],0x1
(bd0) watch four_bytes
watchpoint 3 at ADDRESS, 4 bytes (four_bytes)
(bd0) c
watchpoint 3: write of ADDRESS (four_bytes), thread 1, tick N: ADDRESS in store_all+N, gdb-guest.c:37
  value 0x0 (0) -> 0x1 (1)
37	  eight_bytes = i;
(bd0) c
watchpoint 3: write of ADDRESS (four_bytes), thread 1, tick N: ADDRESS in store_all+N, gdb-guest.c:37
  value 0x1 (1) -> 0x2 (2)
37	  eight_bytes = i;
(bd0) info break
1  breakpoint add if $rdi == 10 at ADDRESS in add+N, gdb-guest.c:20, hit once
3  watchpoint four_bytes at ADDRESS, 4 bytes, hit 2 times
(bd0) delete
(bd0) p $rax
0x2 (2)
(bd0) p/d 5*7-1
34
(bd0) x/s 0
ADDRESS: not mapped
(bd0) frobnicate
error: unknown command 'frobnicate': help lists them
(bd0) b nosuch
error: there is no symbol 'nosuch' (break nosuch pending waits for a program that has it)
(bd0) s
thread 1, tick N: ADDRESS in store_all+N, gdb-guest.c:38
38	  many_bytes[1000 * i] = i;
(bd0) until
thread 1, tick N: ADDRESS in store_all+N, gdb-guest.c:39
39	}
(bd0) next
thread 1, tick N: ADDRESS in main+N, gdb-guest.c:83
83	    store_all(i);
(bd0) info threads
* 1  gdb-guest: running, ADDRESS in main+N, gdb-guest.c:83
(bd0) info processes
process 1 (gdb-guest) at ADDRESS
  thread 1 at ADDRESS: running
(bd0) disassemble $rip,3
=> ADDRESS <main+N>: mov eax,dword ptr [rbp-0x4]
   ADDRESS <main+N>: mov edi,eax
   ADDRESS <main+N>: call ADDRESS <store_all>
(bd0) set $rax = 5
(bd0) registers rax
rax      ADDRESS  5
(bd0) c
process 2 (gdb-guest) has started
process 2 has ended with exit code 41
45 120 8.50 42 5 41 7
the program has ended with exit code 3, tick N
(bd0) bt
error: the program has ended: reverse-continue or goto lead back into it
`,
  },
  {
    name: 'mistakes, and changes of memory',
    words: ['spin'],
    code: 0,
    transcript: `thread 1, tick N: ADDRESS in _start, start.S:14
14	    xorl %ebp, %ebp
(bd0) b spin
breakpoint 1 at ADDRESS in spin+N, gdb-guest.c:57
(bd0) info br
1  breakpoint spin at ADDRESS in spin+N, gdb-guest.c:57
(bd0) c
breakpoint 1, thread 1, tick N: ADDRESS in spin+N, gdb-guest.c:57
57	  int rounds = 0;
(bd0) stepi 3
thread 1, tick N: ADDRESS in spin+N, gdb-guest.c:58
58	  bd0_console_write("spinning\\n", 9);
(bd0) watch read_only
watchpoint 2 at ADDRESS, 8 bytes (read_only)
(bd0) rwatch read_only if 1 == 1
read watchpoint 3 at ADDRESS, 8 bytes (read_only)
(bd0) awatch one_byte
access watchpoint 4 at ADDRESS, 1 byte (one_byte)
(bd0) watch 1 << 47
error: ADDRESS is not a canonical address
(bd0) delete 99
error: there is no breakpoint 99: info breakpoints lists them
(bd0) break main if (
error: '(' is incomplete
(bd0) watch 8 if nosuch
error: there is no symbol 'nosuch'
(bd0) disassemble 0
error: there is no code
(bd0) x/gx -1
error: '-1' is no address: it is negative
(bd0) x/gx ~0
there the address space ends
(bd0) delete x
error: 'x' is not a number
(bd0) info foo
error: unknown subject 'foo': breakpoints, threads, registers, map, processes
(bd0) info s
error: unknown subject 's': breakpoints, threads, registers, map, processes
(bd0) r foo
error: there is no register 'foo'
(bd0) p (1
error: a ) is missing in '(1'
(bd0) p 1 +
error: '1 +' is incomplete
(bd0) p nosuch
error: there is no symbol 'nosuch'
(bd0) p 1/0
error: division by zero
(bd0) p u8(0)
error: 0x0 is not mapped
(bd0) x/99999x 0
error: the count 99999 is not 1 to 4096
(bd0) x/q 0
error: 'q' is no format: x d u c t a s i, and b h w g for the size
(bd0) set foo = 1
error: 'foo' is neither a register nor u8(ADDRESS) to u64(ADDRESS)
(bd0) set $cs = 1
error: $cs cannot be set to 0x1 (1)
(bd0) set u32(keeps_going) = 0
(bd0) x/1dw keeps_going
ADDRESS <keeps_going>: 0
(bd0) s
thread 1, tick N: ADDRESS in bd0_console_write, bd0.h:259
259	static inline int64_t bd0_console_write(const void *buffer, uint64_t n) {
(bd0) re
error: 're' is ambiguous: reverse-continue, reverse-step, reverse-next, reverse-stepi, reverse-nexti, reverse-finish, registers
(bd0) st
error: 'st' is ambiguous: step, stepi
(bd0) step 0
error: the count '0' is not 1 to 2^32
(bd0) thread 7
error: there is no thread 7: info threads lists them
(bd0) frame 99
error: there is no frame 99: bt shows 0 to 4
(bd0) list nosuch.c:3
error: line nosuch.c:3 has no code
(bd0) b gdb-guest.c:9999
error: line gdb-guest.c:9999 has no code
(bd0) b gdb-guest.c:84
breakpoint 5 at ADDRESS in main+N, gdb-guest.c:85
(bd0) info b
1  breakpoint spin at ADDRESS in spin+N, gdb-guest.c:57, hit once
2  watchpoint read_only at ADDRESS, 8 bytes
3  read watchpoint read_only if 1 == 1 at ADDRESS, 8 bytes
4  access watchpoint one_byte at ADDRESS, 1 byte
5  breakpoint gdb-guest.c:84 at ADDRESS in main+N, gdb-guest.c:85
(bd0) help step
step [COUNT]
  run to another source line, in a called function as well
  also: s
(bd0) input hello
(bd0) finish
spinning
rax is 0x9 (9)
thread 1, tick N: ADDRESS in spin+N, gdb-guest.c:59
59	  while (keeps_going) rounds++;
(bd0) c
the program has ended with exit code 0, tick N
(bd0) c
error: the program has ended: reverse-continue or goto lead back into it
(bd0) info threads
no thread is left
`,
  },
  {
    name: 'a trap',
    words: ['crash'],
    code: 139,
    transcript: `thread 1, tick N: ADDRESS in _start, start.S:14
14	    xorl %ebp, %ebp
(bd0) c
process 1 (gdb-guest), thread 1: #PF, error code 0x6
  rip ADDRESS in main+N, gdb-guest.c:78
  mov dword ptr [rax],0x1
  write of ADDRESS
  no region is there: the first 64 KiB are never mapped
thread 1, tick N: ADDRESS in main+N, gdb-guest.c:78
78	  if (argc > 1 && strcmp(argv[1], "crash") == 0) *(volatile int *)8 = 1;
(bd0) bt
#0  ADDRESS in main+N, gdb-guest.c:78
#1  ADDRESS in bd0_start+N, start.c:109
#2  ADDRESS in _start+N, start.S:17 (a guess, from a scan of the stack)
(bd0) info b
there are no breakpoints and watchpoints
(bd0) c
the program has ended with exit code 139, tick N
`,
  },
  {
    name: 'threads and processes',
    code: 3,
    transcript: `thread 1, tick N: ADDRESS in _start, start.S:14
14	    xorl %ebp, %ebp
(bd0) break in_child
breakpoint 1 at ADDRESS in in_child+N, gdb-guest.c:71
(bd0) break worker
breakpoint 2 at ADDRESS in worker+N, gdb-guest.c:50
(bd0) c
breakpoint 2, thread 2, tick N: ADDRESS in worker+N, gdb-guest.c:50
50	  int *result = argument;
(bd0) info threads
  1  gdb-guest: waiting, thread_join, ADDRESS in bd0_vmcall+N, bd0.h:164
* 2  gdb-guest/2: running, ADDRESS in worker+N, gdb-guest.c:50
(bd0) info processes
process 1 (gdb-guest) at ADDRESS
  thread 1 at ADDRESS: waiting, thread_join
  thread 2 at ADDRESS: running
(bd0) bt
#0  ADDRESS in worker+N, gdb-guest.c:50
(bd0) up
error: there is no frame 1: bt shows 0 to 0
(bd0) list
45	  }
46	  return total;
47	}
48	
49	int worker(void *argument) {
50	  int *result = argument;
51	  *result = add(40, 2);
52	  return 5;
53	}
54	
(bd0) down
error: there is no frame -1: bt shows 0 to 0
(bd0) delete 2
(bd0) c
process 2 (gdb-guest) has started
breakpoint 1, thread 3, tick N: ADDRESS in in_child+N, gdb-guest.c:71
71	  int doubled = 2 * n;
(bd0) thread
thread 3, tick N: ADDRESS in in_child+N, gdb-guest.c:71
71	  int doubled = 2 * n;
(bd0) info b
1  breakpoint in_child at ADDRESS in in_child+N, gdb-guest.c:71 and ADDRESS in in_child+N, gdb-guest.c:71, hit once
(bd0) thread 1
thread 1, tick N: ADDRESS in bd0_vmcall+N, bd0.h:164
164	  __asm__ volatile("vmcall"
(bd0) info threads
* 1  gdb-guest: waiting, process_wait, ADDRESS in bd0_vmcall+N, bd0.h:164
  3  gdb-guest: running, ADDRESS in in_child+N, gdb-guest.c:71
(bd0) c
process 2 has ended with exit code 41
45 120 8.50 42 5 41 7
the program has ended with exit code 3, tick N
`,
  },
  {
    name: 'back in time',
    code: 0,
    transcript: `thread 1, tick N: ADDRESS in _start, start.S:14
14	    xorl %ebp, %ebp
(bd0) goto 5
error: tick N is not in the history, which reaches from N to N
(bd0) break add
breakpoint 1 at ADDRESS in add+N, gdb-guest.c:20
(bd0) c
breakpoint 1, thread 1, tick N: ADDRESS in add+N, gdb-guest.c:20
20	  int sum = a + b;
(bd0) c
breakpoint 1, thread 1, tick N: ADDRESS in add+N, gdb-guest.c:20
20	  int sum = a + b;
(bd0) c
breakpoint 1, thread 1, tick N: ADDRESS in add+N, gdb-guest.c:20
20	  int sum = a + b;
(bd0) bt
#0  ADDRESS in add+N, gdb-guest.c:20
#1  ADDRESS in loop+N, gdb-guest.c:44
#2  ADDRESS in main+N, gdb-guest.c:79
#3  ADDRESS in bd0_start+N, start.c:109
#4  ADDRESS in _start+N, start.S:17 (a guess, from a scan of the stack)
(bd0) reverse-continue
breakpoint 1, thread 1, tick N: ADDRESS in add+N, gdb-guest.c:20
20	  int sum = a + b;
(bd0) who four_bytes
nothing was stored there since the history begins
(bd0) reverse-stepi 2
thread 1, tick N: ADDRESS in add+N, gdb-guest.c:19
19	int add(int a, int b) {
(bd0) stepi 2
thread 1, tick N: ADDRESS in add+N, gdb-guest.c:20
20	  int sum = a + b;
(bd0) delete
(bd0) break store_all if $rdi == 3
breakpoint 2 at ADDRESS in store_all+N, gdb-guest.c:34
(bd0) c
breakpoint 2, thread 1, tick N: ADDRESS in store_all+N, gdb-guest.c:34
34	  one_byte = i;
(bd0) who four_bytes
thread 1 of process 1 (gdb-guest), tick N: ADDRESS in store_all+N, gdb-guest.c:36
36	  four_bytes = i;
  stored at ADDRESS: 0x1 (1) -> 0x2 (2)
(bd0) who four_bytes,1
thread 1 of process 1 (gdb-guest), tick N: ADDRESS in store_all+N, gdb-guest.c:36
36	  four_bytes = i;
  stored at ADDRESS: 0x1 (1) -> 0x2 (2)
(bd0) rn
thread 1, tick N: ADDRESS in store_all, gdb-guest.c:33
33	void store_all(int i) {
(bd0) rn
thread 1, tick N: ADDRESS in main+N, gdb-guest.c:83
83	    store_all(i);
(bd0) rs
thread 1, tick N: ADDRESS in main+N, gdb-guest.c:82
82	  for (int i = 1; i < 4; i++) {
(bd0) rs
thread 1, tick N: ADDRESS in store_all+N, gdb-guest.c:39
39	}
(bd0) reverse-finish
thread 1, tick N: ADDRESS in main+N, gdb-guest.c:83
83	    store_all(i);
(bd0) watch four_bytes
watchpoint 3 at ADDRESS, 4 bytes (four_bytes)
(bd0) rc
watchpoint 3: write of ADDRESS (four_bytes), thread 1, tick N: ADDRESS in store_all+N, gdb-guest.c:36
  value before it 0x0 (0)
36	  four_bytes = i;
(bd0) rc
the history begins here, thread 1, tick N: ADDRESS in _start, start.S:14
14	    xorl %ebp, %ebp
(bd0) delete
(bd0) who nosuch
error: there is no symbol 'nosuch'
(bd0) c
process 2 (gdb-guest) has started
process 2 has ended with exit code 41
45 120 8.50 42 5 41 7
the program has ended with exit code 3, tick N
(bd0) who four_bytes
thread 1 of process 1 (gdb-guest), tick N: ADDRESS in store_all+N, gdb-guest.c:36
36	  four_bytes = i;
  stored at ADDRESS: 0x2 (2) -> 0x3 (3)
(bd0) rc
the history begins here, thread 1, tick N: ADDRESS in _start, start.S:14
14	    xorl %ebp, %ebp
(bd0) goto 99999999999
error: tick N is not in the history, which reaches from N to N
(bd0) goto end
tick N: no thread is left
(bd0) goto begin
thread 1, tick N: ADDRESS in _start, start.S:14
14	    xorl %ebp, %ebp
(bd0) goto +10
thread 1, tick N: ADDRESS in bd0_start+N, start.c:103
103	_Noreturn void bd0_start(uint64_t *stack, const struct dynamic *dynamic) {
(bd0) goto -3
thread 1, tick N: ADDRESS in bd0_start+N, start.c:103
103	_Noreturn void bd0_start(uint64_t *stack, const struct dynamic *dynamic) {
(bd0) reverse-stepi 5
thread 1, tick N: ADDRESS in _start+N, start.S:15
15	    movq %rsp, %rdi
(bd0) reverse-stepi 50
the history begins here, thread 1, tick N: ADDRESS in _start, start.S:14
14	    xorl %ebp, %ebp
(bd0) p $rip
ADDRESS <_start>
(bd0) c
process 2 (gdb-guest) has started
process 2 has ended with exit code 41
the program has ended with exit code 3, tick N
(bd0) goto 100
thread 1, tick N: ADDRESS in relocate+N, start.c:90
90	  for (const struct dynamic *entry = dynamic; entry->tag != DT_NULL; entry++)
`,
  },
];
