"""BD0-VMO-1 identities, written from the format's description and nothing else.

Reads files from standard input until its end, each as: length u64, number of extents u32, and for each of these: offset u64,
length u32, bytes. All that no extent covers is zeros; a later extent covers an earlier one. Integers are little-endian.
Writes the identity of each on a line of its own.
"""

import hashlib
import struct
import sys

PAGE = 4096


def sha256(data):
    return hashlib.sha256(data).digest()


ZEROS = [sha256(b"\x00" + bytes(PAGE))]
for k in range(1, 37):
    ZEROS.append(sha256(bytes([1, k]) + ZEROS[k - 1] + ZEROS[k - 1]))


def identity(length, extents):
    pages = {}
    for offset, data in extents:
        for at in range(offset // PAGE, (offset + len(data) + PAGE - 1) // PAGE):
            page = pages.setdefault(at, bytearray(PAGE))
            start = max(offset, at * PAGE)
            end = min(offset + len(data), (at + 1) * PAGE)
            page[start - at * PAGE : end - at * PAGE] = data[start - offset : end - offset]
    row = {at: sha256(b"\x00" + bytes(page)) for at, page in pages.items()}
    height = 0
    while 2**height < max(1, -(-length // PAGE)):
        height += 1
        row = {
            at: sha256(
                bytes([1, height])
                + row.get(2 * at, ZEROS[height - 1])
                + row.get(2 * at + 1, ZEROS[height - 1])
            )
            for at in {below // 2 for below in row}
        }
    top = row.get(0, ZEROS[height])
    return sha256(b"\x02BD0VMO\x01\x01\x0c" + bytes(6) + struct.pack("<Q", length) + top)


def read(stream, form):
    data = stream.read(struct.calcsize(form))
    return struct.unpack(form, data) if data else None


def main():
    stream = sys.stdin.buffer
    while (header := read(stream, "<QI")) is not None:
        length, count = header
        extents = []
        for _ in range(count):
            offset, size = read(stream, "<QI")
            extents.append((offset, stream.read(size)))
        print(identity(length, extents).hex())


main()
