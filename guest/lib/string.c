/* The string functions of <string.h>. */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#undef strlen

void *memchr(const void *bytes, int byte, size_t n) {
  const unsigned char *at = bytes;
  for (; n > 0; n--, at++)
    if (*at == (unsigned char)byte) return (void *)at;
  return NULL;
}

size_t strlen(const char *text) {
  const char *end = text;
  while (*end != 0) end++;
  return (size_t)(end - text);
}

int strcmp(const char *left, const char *right) {
  while (*left != 0 && *left == *right) left++, right++;
  return (unsigned char)*left - (unsigned char)*right;
}

int strncmp(const char *left, const char *right, size_t n) {
  for (; n > 0; n--, left++, right++)
    if (*left == 0 || *left != *right) return (unsigned char)*left - (unsigned char)*right;
  return 0;
}

char *strcpy(char *restrict to, const char *restrict from) {
  for (char *at = to; (*at = *from) != 0; at++, from++)
    ;
  return to;
}

char *strncpy(char *restrict to, const char *restrict from, size_t n) {
  char *at = to;
  for (; n > 0 && *from != 0; n--) *at++ = *from++;
  memset(at, 0, n);
  return to;
}

char *strcat(char *restrict to, const char *restrict from) {
  strcpy(to + strlen(to), from);
  return to;
}

char *strchr(const char *text, int character) {
  for (;; text++) {
    if (*text == (char)character) return (char *)text;
    if (*text == 0) return NULL;
  }
}

char *strrchr(const char *text, int character) {
  const char *last = NULL;
  for (;; text++) {
    if (*text == (char)character) last = text;
    if (*text == 0) return (char *)last;
  }
}

char *strstr(const char *text, const char *part) {
  size_t length = strlen(part);
  for (;; text++) {
    if (strncmp(text, part, length) == 0) return (char *)text;
    if (*text == 0) return NULL;
  }
}

size_t strnlen(const char *text, size_t n) {
  const char *end = memchr(text, 0, n);
  return end == NULL ? n : (size_t)(end - text);
}

int strcoll(const char *left, const char *right) {
  return strcmp(left, right);
}

size_t strxfrm(char *restrict to, const char *restrict from, size_t n) {
  size_t length = strlen(from);
  if (length < n) memcpy(to, from, length + 1);
  return length;
}

char *stpcpy(char *restrict to, const char *restrict from) {
  size_t length = strlen(from);
  memcpy(to, from, length + 1);
  return to + length;
}

char *strncat(char *restrict to, const char *restrict from, size_t n) {
  char *end = to + strlen(to);
  size_t length = strnlen(from, n);
  memcpy(end, from, length);
  end[length] = 0;
  return to;
}

/** Length of the longest prefix of `text` whose characters are all in `set`, or all outside it. */
static size_t span(const char *text, const char *set, int is_in) {
  unsigned char member[256] = {0};
  for (; *set != 0; set++) member[(unsigned char)*set] = 1;
  size_t length = 0;
  while (text[length] != 0 && member[(unsigned char)text[length]] == is_in) length++;
  return length;
}

size_t strspn(const char *text, const char *accepted) {
  return span(text, accepted, 1);
}

size_t strcspn(const char *text, const char *refused) {
  return span(text, refused, 0);
}

char *strpbrk(const char *text, const char *accepted) {
  text += strcspn(text, accepted);
  return *text == 0 ? NULL : (char *)text;
}

char *strtok_r(char *restrict text, const char *restrict separators, char **restrict rest) {
  if (text == NULL) text = *rest;
  text += strspn(text, separators);
  char *end = text + strcspn(text, separators);
  *rest = *end == 0 ? end : end + 1;
  if (end == text) return NULL;
  *end = 0;
  return text;
}

char *strtok(char *restrict text, const char *restrict separators) {
  static char *rest;
  return strtok_r(text, separators, &rest);
}

static int lower(char character) {
  return character >= 'A' && character <= 'Z' ? character + ('a' - 'A') : (unsigned char)character;
}

int strncasecmp(const char *left, const char *right, size_t n) {
  for (; n > 0; n--, left++, right++)
    if (*left == 0 || lower(*left) != lower(*right)) return lower(*left) - lower(*right);
  return 0;
}

int strcasecmp(const char *left, const char *right) {
  return strncasecmp(left, right, SIZE_MAX);
}
