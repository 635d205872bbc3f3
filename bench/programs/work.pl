# A hash, a string that grows, a regular expression and sorting: so many steps.
my %sums;
my $text = "";
for my $i (1 .. $ARGV[0]) {
    $sums{"k" . ($i * 7919 % 5003)} += $i;
    $text .= chr(65 + $i % 26) if $i % 3 == 0;
}
my $length = 0;
$length += length $1 while $text =~ /([A-M]+)/g;
my @keys = sort { $sums{$a} <=> $sums{$b} || $a cmp $b } keys %sums;
print "$length $keys[0] " . scalar(@keys) . "\n";
