/** The diverging colour map of `upprint.explain.colour`: blue below zero, near white at zero, red above. */

const SIZE = 255;
const LIGHT = 0.97;
const DARK = 0.4;
/** Where on the map the overlay's two tints are taken; its ends are too dark to lie on a picture. */
export const TINT = 0.65;

const LAB_TO_LMS = [
  [1, 0.3963377773761749, 0.2158037573099136],
  [1, -0.1055613458156586, -0.0638541728258133],
  [1, -0.0894841775298119, -1.2914855480194092],
];
const LMS_TO_RGB = [
  [4.0767416360759574, -3.3077115392580616, 0.2309699031821044],
  [-1.2684379732850317, 2.6097573492876887, -0.3413193760026573],
  [-0.0041960761386756, -0.7034186179359362, 1.7076146940746117],
];

function toRgb(light: number, a: number, b: number): number[] {
  const lms = LAB_TO_LMS.map(([l, x, y]) => (l * light + x * a + y * b) ** 3);
  return LMS_TO_RGB.map(([l, m, s]) => {
    const linear = l * lms[0] + m * lms[1] + s * lms[2];
    const size = Math.abs(linear);
    const encoded = size <= 0.0031308 ? 12.92 * size : 1.055 * size ** (1 / 2.4) - 0.055;
    return Math.min(255, Math.max(0, Math.round(Math.sign(linear) * encoded * 255)));
  });
}

function chroma(at: number, end: number): number {
  return at <= 0.5 ? (at / 0.5) * 0.15 : 0.15 + ((at - 0.5) / 0.5) * (end - 0.15);
}

/** 255 colours, RGB, from the lowest value to the highest; the middle one is exactly zero. */
export const DIVERGING: Uint8Array = Uint8Array.from(
  Array.from({ length: SIZE }, (_, index) => {
    const at = Math.abs(index - 127) / 127;
    const angle = ((index < 127 ? 260 : 27) * Math.PI) / 180;
    const c = chroma(at, 0.155);
    return toRgb(LIGHT + (DARK - LIGHT) * at, c * Math.cos(angle), c * Math.sin(angle));
  }).flat(),
);

/** The colour's index times three; `value` beyond the limit takes the end colours. */
export function divergingAt(value: number, limit: number): number {
  const scaled = Math.round(((value + limit) * (SIZE - 1)) / (2 * limit));
  return Math.min(SIZE - 1, Math.max(0, scaled)) * 3;
}
