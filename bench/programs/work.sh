# Arithmetic, patterns, strings and an array, without starting programs: so many turns.
sum=0
for ((i = 0; i < $1; i++)); do
  sum=$((sum + i % 7))
  case $i in *7) text="${text:0:20}$i" ;; esac
  array[i % 100]=$sum
done
echo "$sum $text ${#array[@]}"
