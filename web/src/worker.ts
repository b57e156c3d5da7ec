/** Decoding and inference, off the page's own thread. One call at a time, in order; any can be cancelled. */

import { Cancelled } from "./core/errors";
import type { Answer, Calls, Request } from "./protocol";
import { Desk } from "./desk";

const desk = new Desk();
const cancelled = new Set<number>();
const macrotask = new MessageChannel();
let last: Promise<void> = Promise.resolve();

/** Lets messages in; a promise alone would not. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    macrotask.port1.onmessage = () => resolve();
    macrotask.port2.postMessage(null);
  });
}

self.addEventListener("message", ({ data }: MessageEvent<Request>) => {
  if ("cancel" in data) {
    cancelled.add(data.cancel);
    return;
  }
  if (data.call === "prepare") void answer(data); // mostly waits, and nobody waits for it
  else last = last.then(() => answer(data));
});

async function answer({ id, call, args }: Exclude<Request, { cancel: number }>): Promise<void> {
  const post = (message: Answer, transfer: Transferable[] = []): void => self.postMessage(message, { transfer });
  const check = async (done: number, total: number): Promise<void> => {
    post({ id, progress: [done, total] });
    await breathe();
    if (cancelled.has(id)) throw new Cancelled("stopped");
  };
  try {
    await breathe();
    if (cancelled.has(id)) throw new Cancelled("stopped");
    const methods = desk as unknown as Record<keyof Calls, (...all: unknown[]) => Promise<unknown>>;
    const result = await methods[call].call(desk, ...args, check);
    post({ id, result }, paintings(result));
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    post({ id, error: { name, message } });
  } finally {
    cancelled.delete(id);
  }
}

function paintings(result: unknown): Transferable[] {
  const parts = Object.values((result ?? {}) as Record<string, { rgba?: Uint8ClampedArray } | null>);
  return parts.flatMap((part) => (part?.rgba ? [part.rgba.buffer as ArrayBuffer] : []));
}
