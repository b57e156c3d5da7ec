/** Bytes to text, and inflating with a limit. */

const LIMIT = 1 << 20;

export function utf8(data: Uint8Array): string {
  return new TextDecoder("utf-8").decode(data.subarray(0, LIMIT));
}

/** Latin-1 as the standard says, UTF-8 as many programs write. */
export function latin1Text(data: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data.subarray(0, LIMIT));
  } catch {
    return new TextDecoder("latin1").decode(data.subarray(0, LIMIT));
  }
}

/** The first megabyte of a zlib stream; null where it is broken. */
export async function inflateText(data: Uint8Array): Promise<Uint8Array | null> {
  const source = new Blob([data as Uint8Array<ArrayBuffer>]).stream();
  const reader = source.pipeThrough(new DecompressionStream("deflate")).getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  try {
    while (size < LIMIT) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      size += value.length;
    }
  } catch {
    return null;
  }
  reader.cancel().catch(() => undefined);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
