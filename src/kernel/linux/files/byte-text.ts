/**
 * Names and paths of Linux are bytes: anything but `/` and NUL, in no particular encoding. They are held as strings with a
 * character of 0 to 255 for each byte, so that they are keys of maps and compare as bytes do.
 */

/** Bytes as such a string. */
export function textOfBytes(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 1024) text += String.fromCharCode(...bytes.subarray(at, at + 1024));
  return text;
}

/** The bytes of such a string. */
export function bytesOfText(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
