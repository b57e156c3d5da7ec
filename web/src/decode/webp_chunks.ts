import { corrupt } from "../core/errors";
import { latin1, u32le } from "./sniff";

export interface Chunk {
  name: string;
  payload: Uint8Array;
}

/** The chunks of a RIFF file (RFC 9649, section 2.3); `CorruptImage` where it ends early. */
export function riffChunks(data: Uint8Array): Chunk[] {
  const chunks: Chunk[] = [];
  const end = 8 + u32le(data, 4);
  if (end > data.length) throw corrupt("WebP", "the file ends early");
  for (let at = 12; at + 8 <= end; ) {
    const length = u32le(data, at + 4);
    if (at + 8 + length > end) throw corrupt("WebP", "a chunk ends early");
    chunks.push({ name: latin1(data, at, at + 4), payload: data.subarray(at + 8, at + 8 + length) });
    at += 8 + length + (length % 2);
  }
  return chunks;
}
