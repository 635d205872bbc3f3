/*
 * Random use of a pseudo-terminal, by the seed in argv[1]: keys of every kind, with random settings, and what comes out at the
 * master, what the slave reads, and which signals are sent.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include "../sequences.h"
#include "../random.h"
#include "../say.h"

enum { STEPS = 60 };

static int master, slave;
/* In which column the output is that a signal has discarded is not compared: tabs, or signals that discard. */
static int has_tabs;
static volatile sig_atomic_t counts[65];

static void count(int number) { counts[number]++; }

static void say_bytes(const char *what, const unsigned char *bytes, long length) {
  if (length < 0) {
    say(" %s errno %d", what, errno);
    return;
  }
  say(" %s %ld '", what, length);
  for (long i = 0; i < length; i++) say(bytes[i] >= 32 && bytes[i] < 127 ? "%c" : "\\%02x", bytes[i]);
  say("'");
}

static void drain(int fd, const char *what) {
  unsigned char bytes[600];
  for (long length; (length = read(fd, bytes, sizeof bytes)) > 0;) say_bytes(what, bytes, length);
}

/*
 * Linux brings bytes from one end to the other in the background. That is over once poll has found nothing, or found something
 * in a terminal that was empty before, and its settings could be set. drivers/tty/n_tty.c "n_tty_poll"
 */
static void settle(void) {
  struct pollfd both[2] = {{slave, POLLIN, 0}, {master, POLLIN, 0}};
  struct termios settings;
  for (int i = 0; i < 3; i++) {
    poll(both, 1, 0);
    tcgetattr(slave, &settings);
    tcsetattr(slave, TCSANOW, &settings);
    poll(both + 1, 1, 0);
    usleep(100);
  }
}

static void type(void) {
  static const char KEYS[] = "\r\n\003\004\x1c\x1a\x7f\x15\x17\x16\x12\x11\x13\t\b\x1b \200\xc3\xa9";
  unsigned char bytes[40];
  int length = 1 + below(below(4) ? 4 : 40);
  for (int i = 0; i < length; i++) {
    unsigned kind = below(3);
    bytes[i] = kind == 0 ? KEYS[below(sizeof KEYS - 1)] : kind == 1 ? "ab_c d.\n"[below(8)] : "xyz01 \n\t"[below(8)];
    /* Whether the output that was stopped meanwhile has come is a matter of time. */
    if (bytes[i] == 0x13) bytes[i] = 'S';
    if (bytes[i] == '\t' && !has_tabs) bytes[i] = ' ';
  }
  drain(slave, "slave");
  drain(master, "master");
  say_bytes("type", bytes, write(master, bytes, length) < 0 ? -1 : length);
}

static void print(void) {
  static const char TEXT[] = "word\n\t\r\b\xc3\xa9 x";
  unsigned char bytes[30];
  int length = 1 + below(30);
  for (int i = 0; i < length; i++) bytes[i] = TEXT[below(sizeof TEXT - 1)];
  drain(master, "master");
  say_bytes("print", bytes, write(slave, bytes, length));
}

static void set(void) {
  static const int INPUT[] = {ICRNL, INLCR, IGNCR, IXON, IXANY, ISTRIP, IUTF8};
  static const int OUTPUT[] = {OPOST, ONLCR, OCRNL, ONOCR, ONLRET, XTABS};
  static const int LOCAL[] = {ICANON, ECHO, ECHOE, ECHOK, ECHOKE, ECHOCTL, ECHONL, ISIG, IEXTEN, NOFLSH};
  struct termios settings;
  tcgetattr(slave, &settings);
  for (int i = 0; i < 3; i++) {
    unsigned kind = below(4);
    if (kind == 0) settings.c_iflag ^= INPUT[below(7)];
    else if (kind == 1) settings.c_oflag ^= OUTPUT[below(6)];
    else settings.c_lflag ^= LOCAL[below(10)];
  }
  if (below(4) == 0) settings.c_cc[VMIN] = below(4), settings.c_cc[VTIME] = below(3) ? 0 : below(3);
  if (below(8) == 0) settings.c_cc[VSTOP] = below(2) ? 023 : 0;
  if (below(6) == 0) settings.c_cc[VEOL] = below(2) ? 'x' : 0;
  if (has_tabs) settings.c_lflag |= NOFLSH;
  else settings.c_oflag &= ~XTABS;
  int how = below(4) ? TCSANOW : TCSAFLUSH;
  int result = tcsetattr(below(3) ? slave : master, how, &settings);
  say(" set %d: %d %x %x %x %x min %d", how, result, settings.c_iflag, settings.c_oflag, settings.c_cflag, settings.c_lflag,
      settings.c_cc[VMIN]);
}

static void take(int fd, const char *what) {
  unsigned char bytes[300];
  int length = below(3) ? (int)sizeof bytes : 1 + (int)below(6);
  say_bytes(what, bytes, read(fd, bytes, length));
}

static void look(void) {
  int waiting = 0;
  struct winsize size = {below(5), below(5), 0, 0};
  struct pollfd both[2] = {{master, POLLIN | POLLPRI | POLLOUT, 0}, {slave, POLLIN | POLLOUT, 0}};
  switch (below(6)) {
    case 5: {
      int mode = below(2), result;
      drain(master, "master");
      result = ioctl(below(8) ? master : slave, TIOCPKT, &mode);
      say(" packets %d: %d", mode, result);
      ioctl(master, TIOCGPKT, &waiting);
      say(" %d", waiting);
      break;
    }
    case 0: poll(both, 2, 0); say(" poll %x %x", both[0].revents, both[1].revents); break;
    case 1: say(" FIONREAD %d", ioctl(slave, FIONREAD, &waiting)); say(" %d", waiting); break;
    case 2: say(" flush %d", tcflush(slave, TCIFLUSH)); break;
    case 3: say(" size %d", ioctl(below(2) ? master : slave, TIOCSWINSZ, &size)); break;
    default: ioctl(below(2) ? master : slave, TIOCGWINSZ, &size); say(" size %d %d", size.ws_row, size.ws_col);
  }
}

static int run(uint64_t seed, int is_new) {
  (void)is_new;
  state = seed * 1442695040888963407u + 7;
  if (setsid() < 0) say("no session of its own");
  struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};
  for (int i = 0; i < 4; i++) sigaction((int[]){SIGINT, SIGQUIT, SIGTSTP, SIGWINCH}[i], &action, NULL);
  master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
  say("slave before unlocking %d", open(ptsname(master), O_RDWR) < 0 ? errno : 0);
  grantpt(master);
  unlockpt(master);
  slave = open(ptsname(master), O_RDWR | O_NONBLOCK);
  has_tabs = below(2);
  struct termios settings;
  tcgetattr(slave, &settings);
  if (has_tabs) settings.c_lflag |= NOFLSH;
  tcsetattr(slave, TCSANOW, &settings);
  say(" own %d %d\n", (int)tcgetsid(slave) == getpid(), (int)tcgetpgrp(slave) == getpid());
  for (int i = 0; i < STEPS; i++) {
    switch (below(8)) {
      case 0: case 1: case 2: type(); break;
      case 3: print(); break;
      case 4: set(); break;
      case 5: take(slave, "slave"); break;
      case 6: take(master, "master"); break;
      default: look();
    }
    settle();
    say("\n");
  }
  /* Those that come while one is pending are one with it. */
  say("signals %d %d %d %d\n", !!counts[SIGINT], !!counts[SIGQUIT], !!counts[SIGTSTP], !!counts[SIGWINCH]);
  if (below(2)) {
    close(slave);
    take(master, "master at the end");
    unsigned char rest[4000];
    while (read(master, rest, sizeof rest) > 0)
      ;
    say(" errno %d\n", errno);
  } else {
    signal(SIGHUP, count);
    close(master);
    take(slave, "slave at the end");
    say(" write %d", (int)write(slave, "x", 1));
    say(" errno %d hang-ups %d\n", errno, counts[SIGHUP]);
  }
  return 0;
}

int main(int argc, char **argv) { return sequences(argc, argv, run); }
