/** The same names, and the same three parts, as `upprint.result.ImageError` in Python. */

export type ImageErrorName =
  | "UnreadableFile"
  | "EmptyFile"
  | "NotAnImage"
  | "UnsupportedImage"
  | "CorruptImage"
  | "ImageTooLarge";

/** A file that cannot be scored: a row with its reason, never a crash. */
export class ImageError extends Error {
  constructor(
    override readonly name: ImageErrorName,
    readonly found: string,
    readonly expected: string,
    readonly remedy: string,
  ) {
    super(`${name}: ${found}; expected ${expected}; ${remedy}`);
  }
}

/** A graph or a card that does not fit. */
export class WeightsError extends Error {
  override readonly name = "WeightsError";
}

export class CardError extends Error {
  override readonly name = "CardError";
}

/** The user asked for something else meanwhile. */
export class Cancelled extends Error {
  override readonly name = "Cancelled";
}

export const EXPECTED = "a JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF or HEIF picture";

export function unsupported(found: string, remedy = "convert it to PNG first"): ImageError {
  return new ImageError("UnsupportedImage", found, `${EXPECTED} of 8 or 16 bits`, remedy);
}

export function corrupt(kind: string, words: string): ImageError {
  const found = `a ${kind} file that cannot be decoded (${words})`;
  return new ImageError("CorruptImage", found, "undamaged, complete data", "fetch or copy the file again");
}

export const MAX_PIXELS = 200_000_000;
export const MAX_FILE_BYTES = 2 ** 30;

export function checkSize(width: number, height: number): void {
  if (width * height > MAX_PIXELS) {
    throw new ImageError(
      "ImageTooLarge",
      `${width} x ${height} pixels`,
      `at most ${MAX_PIXELS.toLocaleString("en-US")}`,
      "reduce the picture, or scan it with the command line",
    );
  }
}
