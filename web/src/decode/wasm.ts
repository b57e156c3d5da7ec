/** A decoder compiled by Emscripten: fetched once, what it complains about kept, thrown away after a fault. */

type Factory<M> = (options: Record<string, unknown>) => Promise<M>;

const KEEP = 16_000_000; // bytes of pixels after which the heap, which never shrinks, is let go

export class Wasm<M> {
  private compiled: Promise<WebAssembly.Module> | null = null;
  private module: Promise<M> | null = null;
  private said: string[] = [];

  constructor(
    private readonly factory: unknown,
    private readonly url: string,
  ) {}

  /** Run the decoder; `result` is null where it faulted. `bytes` is how much it will return. */
  async run<T>(task: (module: M) => T, bytes: number): Promise<{ result: T | null; said: string[] }> {
    this.compiled ??= fetch(this.url)
      .then((answer) => answer.arrayBuffer())
      .then((bytes) => WebAssembly.compile(bytes));
    const compiled = await this.compiled;
    this.module ??= (this.factory as Factory<M>)({
      noInitialRun: true,
      print: (line: string) => this.said.push(line),
      printErr: (line: string) => this.said.push(line),
      instantiateWasm: (imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) => {
        const instance = new WebAssembly.Instance(compiled, imports);
        done(instance);
        return instance.exports;
      },
    });
    this.said = [];
    try {
      const result = task(await this.module);
      if (bytes > KEEP) this.module = null;
      return { result, said: this.said };
    } catch (error) {
      this.module = null;
      this.said.push(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
      return { result: null, said: this.said };
    }
  }
}
