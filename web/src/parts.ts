/** The page's own parts, fetched by the worker from where the page came from. */

import { CardError } from "./core/errors";

/** Relative to the page, so that it works below any path. */
export const at = (path: string): URL => new URL(`../${path}`, self.location.href);

export async function body(path: string): Promise<Uint8Array<ArrayBuffer>> {
  let answer: Response;
  try {
    answer = await fetch(at(path), { cache: "no-cache" }); // a new model may keep its name
  } catch (error) {
    throw new CardError(`${path} cannot be fetched (${String(error)})`);
  }
  if (!answer.ok) throw new CardError(`${path} cannot be fetched (status ${answer.status})`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** A part that travels packed; some servers inflate `.gz` themselves. */
export async function unpacked(path: string): Promise<ArrayBuffer> {
  const data = await body(path);
  if (data[0] !== 0x1f || data[1] !== 0x8b) return data.buffer;
  return new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
