"""Runs a command at a pseudo-terminal: pseudo-terminal.py ROWS COLUMNS COMMAND...

Standard input is what is typed, standard output what shows. Lines on descriptor 3 ask for more, each answered by a line on
descriptor 4:

    modes       canonical and echo, 0 or 1 each: how the terminal is set
    signal N    sends a signal to the command
    cook        sets the terminal to lines and echo
    raw         answers when somebody has set it to neither
    hold        shows nothing more, so that the terminal fills up
    show        goes on
    resize R C  makes the terminal another size

When the command has ended, a last line tells `exit CODE` or `killed SIGNAL`, canonical and echo, and whether all settings are
those that the command found: `as before` or `changed`.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

TYPED, SHOWN, ASKED, ANSWERED = 0, 1, 3, 4


def modes(terminal):
    local = termios.tcgetattr(terminal)[3]
    return f"{int(bool(local & termios.ICANON))} {int(bool(local & termios.ECHO))}"


def cook(terminal):
    attributes = termios.tcgetattr(terminal)
    attributes[0] |= termios.ICRNL
    attributes[3] |= termios.ICANON | termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)


def answer(line):
    os.write(ANSWERED, f"{line}\n".encode())


def resize(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def start(rows, columns, command):
    master, terminal = pty.openpty()
    resize(terminal, rows, columns)
    before = termios.tcgetattr(terminal)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        for descriptor in range(3):
            os.dup2(terminal, descriptor)
        os.closerange(3, 64)
        os.execvp(command[0], command)
    return pid, master, terminal, before


def write_fully(descriptor, data):
    while data:
        data = data[os.write(descriptor, data) :]


def main(rows, columns, command):
    pid, master, terminal, before = start(rows, columns, command)
    # The command's end, as a descriptor to wait for.
    ended = os.pidfd_open(pid)
    sources = [TYPED, ASKED, master, ended]
    asked = b""
    while True:
        ready = select.select(sources, [], [])[0]
        if TYPED in ready:
            data = os.read(TYPED, 65536)
            if data:
                write_fully(master, data)
            else:
                sources.remove(TYPED)
        if master in ready:
            write_fully(SHOWN, os.read(master, 65536))
        if ASKED in ready:
            data = os.read(ASKED, 4096)
            if not data:
                sources.remove(ASKED)
            *lines, asked = (asked + data).split(b"\n")
            for line in lines:
                word, *rest = line.decode().split()
                if word == "signal":
                    os.kill(pid, int(rest[0]))
                elif word == "cook":
                    cook(terminal)
                elif word == "raw":
                    while modes(terminal) != "0 0":
                        time.sleep(0.01)
                elif word == "resize":
                    resize(terminal, int(rest[0]), int(rest[1]))
                elif word == "hold":
                    sources.remove(master)
                elif word == "show":
                    sources.append(master)
                answer(modes(terminal))
        if ended in ready and master not in ready:
            break
    status = os.waitpid(pid, 0)[1]
    while select.select([master], [], [], 0)[0]:
        write_fully(SHOWN, os.read(master, 65536))
    kind = f"exit {os.WEXITSTATUS(status)}" if os.WIFEXITED(status) else f"killed {os.WTERMSIG(status)}"
    settings = "as before" if termios.tcgetattr(terminal) == before else "changed"
    answer(f"{kind} {modes(terminal)} {settings}")


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
