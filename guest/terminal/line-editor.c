#include "line-editor.h"

#include <stdio.h>
#include <string.h>

#include "history.h"
#include "input.h"
#include "text.h"

/** On a narrower screen lines may be shown wrong. */
enum { COLUMNS_MIN = 20, SEARCH_SIZE = 48 };

static size_t columns = 80;

void set_columns(size_t count) {
  columns = count < COLUMNS_MIN ? COLUMNS_MIN : count;
}

/** Keys: bytes, and numbers for escape sequences. */
enum {
  CTRL_A = 0x01,
  CTRL_B = 0x02,
  CTRL_C = 0x03,
  CTRL_D = 0x04,
  CTRL_E = 0x05,
  CTRL_F = 0x06,
  CTRL_G = 0x07,
  BACKSPACE = 0x08,
  TAB = 0x09,
  NEWLINE = 0x0a,
  CTRL_K = 0x0b,
  CTRL_L = 0x0c,
  RETURN = 0x0d,
  CTRL_N = 0x0e,
  CTRL_P = 0x10,
  CTRL_R = 0x12,
  CTRL_U = 0x15,
  CTRL_W = 0x17,
  ESCAPE = 0x1b,
  ERASE = 0x7f,
  LEFT = 0x100,
  RIGHT,
  UP,
  DOWN,
  HOME,
  END,
  DELETE,
  WORD_LEFT,
  WORD_RIGHT,
  DELETE_WORD,
  UNKNOWN
};

struct editor {
  const char *prompt;
  char *text;
  size_t length;
  size_t cursor;
  size_t left; /* the first byte on the screen */
  size_t recalled; /* how many lines back in the history; 0: none is recalled */
  char typed[LINE_SIZE]; /* the line before one was recalled */
  candidate_function *candidate;
};

/* -- The screen -- */

static size_t room_for(const struct editor *editor) {
  return columns - 1 - columns_of(editor->prompt, strlen(editor->prompt));
}

static size_t next_character(const struct editor *editor, size_t at) {
  if (at < editor->length) at++;
  while (at < editor->length && is_continuation(editor->text[at])) at++;
  return at;
}

static size_t previous_character(const struct editor *editor, size_t at) {
  if (at > 0) at--;
  while (at > 0 && is_continuation(editor->text[at])) at--;
  return at;
}

/** Moves the visible part so that it contains the cursor. */
static void scroll(struct editor *editor) {
  size_t room = room_for(editor);
  if (editor->cursor < editor->left) editor->left = editor->cursor;
  while (columns_of(editor->text + editor->left, editor->cursor - editor->left) > room)
    editor->left = next_character(editor, editor->left);
}

static void show(struct editor *editor) {
  scroll(editor);
  size_t room = room_for(editor);
  size_t end = editor->left;
  for (size_t next = end; end < editor->length; end = next) {
    next = next_character(editor, end);
    if (columns_of(editor->text + editor->left, next - editor->left) > room) break;
  }
  printf("\r%s%.*s\x1b[K", editor->prompt, (int)(end - editor->left), editor->text + editor->left);
  size_t behind = columns_of(editor->text + editor->cursor, end - editor->cursor);
  if (behind > 0) printf("\x1b[%zuD", behind);
}

/* -- Editing -- */

static void insert(struct editor *editor, const char *bytes, size_t n) {
  if (editor->length + n >= LINE_SIZE) {
    putchar('\a');
    return;
  }
  memmove(editor->text + editor->cursor + n, editor->text + editor->cursor, editor->length - editor->cursor);
  memcpy(editor->text + editor->cursor, bytes, n);
  editor->length += n;
  editor->cursor += n;
  size_t shown = columns_of(editor->text + editor->left, editor->length - editor->left);
  if (editor->cursor == editor->length && shown <= room_for(editor)) printf("%.*s", (int)n, bytes);
  else show(editor);
}

/** Deletes the bytes from `start` to `end`, and moves the cursor there. */
static void erase(struct editor *editor, size_t start, size_t end) {
  memmove(editor->text + start, editor->text + end, editor->length - end);
  editor->length -= end - start;
  editor->cursor = start;
  show(editor);
}

static void move_to(struct editor *editor, size_t cursor) {
  if (cursor == editor->cursor) return;
  editor->cursor = cursor;
  show(editor);
}

static void replace_line(struct editor *editor, const char *text) {
  editor->length = strlen(text);
  memmove(editor->text, text, editor->length);
  editor->cursor = editor->length;
  editor->left = 0;
  show(editor);
}

static size_t word_left(const struct editor *editor) {
  size_t at = editor->cursor;
  while (at > 0 && editor->text[at - 1] == ' ') at--;
  while (at > 0 && editor->text[at - 1] != ' ') at--;
  return at;
}

static size_t word_right(const struct editor *editor) {
  size_t at = editor->cursor;
  while (at < editor->length && editor->text[at] == ' ') at++;
  while (at < editor->length && editor->text[at] != ' ') at++;
  return at;
}

/** Inserts a UTF-8 character whose first byte has been read. */
static void insert_character(struct editor *editor, int first) {
  char bytes[4] = {(char)first};
  size_t expected = character_bytes((char)first), n = 1;
  for (; n < expected; n++) {
    int byte = read_byte();
    if (byte == END_OF_INPUT || !is_continuation((char)byte)) {
      unread_byte(byte);
      return;
    }
    bytes[n] = (char)byte;
  }
  if (n > 1 || !is_continuation(bytes[0])) insert(editor, bytes, n);
}

/* -- History -- */

/** Shows the line that many back; 0 is the one that was typed. */
static void recall(struct editor *editor, size_t back) {
  const char *line = back == 0 ? editor->typed : line_back(back);
  if (line == NULL || back == editor->recalled) return;
  editor->text[editor->length] = 0;
  if (editor->recalled == 0) strcpy(editor->typed, editor->text);
  editor->recalled = back;
  replace_line(editor, line);
}

/* -- Completion -- */

/** The length of the common beginning of two texts. */
static size_t common(const char *a, const char *b, size_t n) {
  size_t at = 0;
  while (at < n && a[at] == b[at]) at++;
  return at;
}

static void list_candidates(struct editor *editor, const char *word, bool is_first) {
  size_t column = 0;
  putchar('\n');
  for (size_t i = 0;; i++) {
    const char *name = editor->candidate(word, is_first, i);
    if (name == NULL) break;
    size_t width = strlen(name) + 2;
    if (column > 0 && column + width > columns) column = 0, putchar('\n');
    column += width;
    printf("%s  ", name);
  }
  putchar('\n');
  show(editor);
}

static void complete(struct editor *editor) {
  char word[LINE_SIZE], first[NAME_SIZE];
  size_t start = editor->cursor;
  while (start > 0 && editor->text[start - 1] != ' ') start--;
  size_t n = editor->cursor - start;
  memcpy(word, editor->text + start, n);
  word[n] = 0;
  bool is_first = true;
  for (size_t i = 0; i < start; i++) is_first &= editor->text[i] == ' ';
  size_t count = 0, shared = 0;
  for (const char *name; (name = editor->candidate(word, is_first, count)) != NULL; count++) {
    if (count == 0) strcpy(first, name), shared = strlen(name);
    else shared = common(first, name, shared);
  }
  if (count == 0) return;
  if (shared > n) insert(editor, first + n, shared - n);
  else if (count > 1) return list_candidates(editor, word, is_first);
  if (count == 1) insert(editor, " ", 1);
}

/* -- Keys -- */

static int key_of_letter(int letter, bool has_modifier) {
  switch (letter) {
    case 'A': return UP;
    case 'B': return DOWN;
    case 'C': return has_modifier ? WORD_RIGHT : RIGHT;
    case 'D': return has_modifier ? WORD_LEFT : LEFT;
    case 'H': return HOME;
    case 'F': return END;
    default: return UNKNOWN;
  }
}

static int key_of_number(int number) {
  switch (number) {
    case 1: case 7: return HOME;
    case 4: case 8: return END;
    case 3: return DELETE;
    default: return UNKNOWN;
  }
}

/** Reads the rest of an escape sequence. ECMA-48, 5.4: parameters, and a final byte. */
static int read_sequence(void) {
  int byte = read_byte();
  if (byte == 'b') return WORD_LEFT;
  if (byte == 'f') return WORD_RIGHT;
  if (byte == 'd') return DELETE_WORD;
  if (byte == 'O') return key_of_letter(read_byte(), false);
  if (byte != '[') return UNKNOWN;
  int number = 0;
  bool has_modifier = false;
  for (byte = read_byte(); byte >= 0x20 && byte < 0x40; byte = read_byte()) {
    if (byte == ';') has_modifier = true;
    else if (!has_modifier && byte >= '0' && byte <= '9' && number < 1000) number = number * 10 + byte - '0';
  }
  return byte == '~' ? key_of_number(number) : key_of_letter(byte, has_modifier);
}

static int read_key(void) {
  int byte = read_byte();
  return byte == ESCAPE ? read_sequence() : byte;
}

/* -- Searching the history -- */

struct search {
  char text[SEARCH_SIZE];
  size_t length;
  size_t back; /* the line that was found; 0: none */
};

/** The end of a text that takes no more than `room` columns. */
static const char *end_that_fits(const char *text, size_t room) {
  while (*text != 0 && columns_of(text, strlen(text)) > room) {
    text++;
    while (is_continuation(*text)) text++;
  }
  return text;
}

/** Shows the text that is searched for, and the end of the line that was found. */
static void show_search(const struct search *search) {
  const char *line = search->back == 0 ? "" : line_back(search->back);
  const char *title = search->back == 0 && search->length > 0 ? "no line with" : "search";
  size_t used = strlen(title) + strlen(" '': ");
  const char *text = end_that_fits(search->text, columns - 1 - used);
  used += columns_of(text, strlen(text));
  printf("\r%s '%s': %s\x1b[K", title, text, end_that_fits(line, columns - 1 - used));
}

/** Changes the text or the line that was found; false for a key that ends the search. */
static bool press_in_search(struct search *search, int key) {
  size_t found = 0;
  if (key == BACKSPACE || key == ERASE) {
    while (search->length > 0 && is_continuation(search->text[--search->length])) continue;
    search->text[search->length] = 0;
    search->back = search->length == 0 ? 0 : find_line(search->text, 1);
    return true;
  }
  if (key == CTRL_R) {
    if (search->length == 0) return true;
    found = find_line(search->text, search->back + 1);
  } else {
    if (key < ' ' || key >= LEFT) return false;
    if (search->length + 1 >= sizeof search->text) return true;
    search->text[search->length++] = (char)key;
    search->text[search->length] = 0;
    found = find_line(search->text, search->back == 0 ? 1 : search->back);
  }
  if (found == 0) putchar('\a');
  if (found != 0 || key != CTRL_R) search->back = found;
  return true;
}

/** Ctrl-R: finds a line by a part of it. Puts it into the editor, and returns the key that ended the search. */
static int search_history(struct editor *editor) {
  struct search search = {.length = 0};
  int key;
  do {
    show_search(&search);
    key = read_key();
  } while (press_in_search(&search, key));
  bool is_taken = search.back != 0 && key != CTRL_G && key != CTRL_C;
  if (is_taken && search.back == editor->recalled) replace_line(editor, line_back(search.back));
  else if (is_taken) recall(editor, search.back);
  show(editor);
  return key == CTRL_G ? UNKNOWN : key;
}

static void press(struct editor *editor, int key) {
  size_t cursor = editor->cursor, length = editor->length;
  switch (key) {
    case LEFT: case CTRL_B: return move_to(editor, previous_character(editor, cursor));
    case RIGHT: case CTRL_F: return move_to(editor, next_character(editor, cursor));
    case HOME: case CTRL_A: return move_to(editor, 0);
    case END: case CTRL_E: return move_to(editor, length);
    case WORD_LEFT: return move_to(editor, word_left(editor));
    case WORD_RIGHT: return move_to(editor, word_right(editor));
    case UP: case CTRL_P: return recall(editor, editor->recalled + 1);
    case DOWN: case CTRL_N: return recall(editor, editor->recalled == 0 ? 0 : editor->recalled - 1);
    case BACKSPACE: case ERASE: return erase(editor, previous_character(editor, cursor), cursor);
    case DELETE: case CTRL_D: return erase(editor, cursor, next_character(editor, cursor));
    case CTRL_U: return erase(editor, 0, cursor);
    case CTRL_K: return erase(editor, cursor, length);
    case CTRL_W: return erase(editor, word_left(editor), cursor);
    case DELETE_WORD: return erase(editor, cursor, word_right(editor));
    case TAB: return complete(editor);
    case CTRL_L: printf("\x1b[H\x1b[2J"); return show(editor);
    default: if (key >= ' ' && key < LEFT) insert_character(editor, key);
  }
}

bool edit_line(const char *prompt, char line[LINE_SIZE], candidate_function *candidate) {
  struct editor editor = {.prompt = prompt, .text = line, .candidate = candidate};
  fputs(prompt, stdout);
  for (;;) {
    int key = read_key();
    if (key == CTRL_R) key = search_history(&editor);
    if (key == END_OF_INPUT || (key == CTRL_D && editor.length == 0)) {
      putchar('\n');
      return false;
    }
    if (key == RETURN || key == NEWLINE || key == CTRL_C) {
      move_to(&editor, editor.length);
      fputs(key == CTRL_C ? "^C\n" : "\n", stdout);
      line[key == CTRL_C ? 0 : editor.length] = 0;
      remember_line(line);
      return true;
    }
    press(&editor, key);
  }
}
