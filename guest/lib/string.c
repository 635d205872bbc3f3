/* The string functions of <string.h>. */
#include <string.h>

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
