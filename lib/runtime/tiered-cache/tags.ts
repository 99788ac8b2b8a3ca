import { boundedKey } from '../shared';

const NONE: readonly string[] = [];

/** Tags as they are stored: each once, under names that are not too long. */
export function boundedTags(tags: readonly string[] | undefined): readonly string[] {
  if (tags === undefined || tags.length === 0) return NONE;
  if (tags.length === 1) return [boundedKey(tags[0] as string)];
  return [...new Set(tags.map(boundedKey))];
}

/** Whether an entry carries every tag that a caller names. */
export function carriesAll(
  carried: readonly string[],
  named: readonly string[] | undefined,
): boolean {
  if (named === undefined) return true;
  for (const tag of named) if (!carried.includes(boundedKey(tag))) return false;
  return true;
}
