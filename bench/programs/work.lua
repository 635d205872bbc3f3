-- Recursion, sorting of numbers, and strings: so many rounds.
local function fib(n)
  if n < 2 then return n end
  return fib(n - 1) + fib(n - 2)
end
for _ = 1, tonumber(arg[1]) do
  local numbers = {}
  for i = 1, 20000 do numbers[i] = i * 7919 % 10007 end
  table.sort(numbers)
  local parts = {}
  for i = 1, 2000 do parts[#parts + 1] = string.format("%d:%s", numbers[i], string.rep("x", i % 10)) end
  local length = 0
  for digits in table.concat(parts, ","):gmatch("%d+") do length = length + #digits end
  print(fib(22), numbers[1], length)
end
