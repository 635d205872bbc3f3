import { schemaOf } from '../../src/state/schema.js';

/** Fields of objects that no schema mentions, and fields that a schema has and an object has not. */
export function undescribed(root: object, path: string): string[] {
  const seen = new Set<object>();
  const missing = new Set<string>();
  const visit = (item: unknown, path: string): void => {
    if (typeof item !== 'object' || item === null || seen.has(item) || ArrayBuffer.isView(item)) return;
    seen.add(item);
    const schema = schemaOf(item);
    if (schema?.custom) return;
    if (schema) {
      const own = Object.keys(item);
      for (const name of own) if (!schema.fields.has(name)) missing.add(`${schema.name}.${name}`);
      for (const [name, { kind }] of schema.fields) {
        if (!(name in item)) missing.add(`${schema.name} has no ${name}`);
        if (kind === 'value' || kind === 'kept') visit((item as Record<string, unknown>)[name], `${path}.${name}`);
      }
    } else if (item instanceof Map) for (const [key, value] of item) (visit(key, path), visit(value, path));
    else if (item instanceof Set) for (const value of item) visit(value, path);
    else for (const [name, value] of Object.entries(item)) visit(value, `${path}.${name}`);
  };
  visit(root, path);
  return [...missing];
}
