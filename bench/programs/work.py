"""Dictionaries, JSON, regular expressions, method calls and sorting: so many steps."""
import json
import re
import sys

steps = int(sys.argv[1])
counts = {}
for i in range(steps):
    key = "key%d" % (i % 1000)
    counts[key] = counts.get(key, 0) + i
    if i % 100 == 0:
        json.loads(json.dumps({"a": i, "b": [1, 2, 3, str(i)]}))


class Adder:
    def __init__(self, start):
        self.start = start

    def add(self, value):
        return self.start + value


adder = Adder(3)
total = 0
for i in range(steps):
    total = adder.add(total) % 1000
digits = sum(len(re.findall(r"\d+", key)) * count for key, count in counts.items())
print(digits, total, sorted(map(str, range(steps // 10)))[:3])
