/**
 * A QR code (ISO/IEC 18004) of a short text: byte mode, error correction level L, versions 1 to 10, which is up to
 * 271 bytes. The mask is always number 0: readers take any, and choosing the best one matters for printing.
 */

/** By version, from 1: all codewords, correction codewords per block, blocks, centres of the alignment patterns. */
const VERSIONS: readonly [total: number, correction: number, blocks: number, centres: readonly number[]][] = [
  [26, 7, 1, []],
  [44, 10, 1, [6, 18]],
  [70, 15, 1, [6, 22]],
  [100, 20, 1, [6, 26]],
  [134, 26, 1, [6, 30]],
  [172, 18, 2, [6, 34]],
  [196, 20, 2, [6, 22, 38]],
  [242, 24, 2, [6, 24, 42]],
  [292, 30, 2, [6, 26, 46]],
  [346, 18, 4, [6, 28, 50]],
];
const QUIET_ZONE = 4;
const BYTE_MODE = 0b0100;
const LEVEL_L_MASK_0 = 0b01000;

/** The code as an SVG, or a text that says that the link is too long for one. */
export function qrCode(text: string): Node {
  const modules = qrModules(new TextEncoder().encode(text));
  if (modules === null) return document.createTextNode("The link is too long for a QR code.");
  const size = modules.length + 2 * QUIET_ZONE;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("shape-rendering", "crispEdges");
  const path = document.createElementNS(svg.namespaceURI, "path") as SVGPathElement;
  const squares = modules.flatMap((row, y) =>
    row.map((dark, x) => (dark ? `M${x + QUIET_ZONE} ${y + QUIET_ZONE}h1v1h-1z` : "")),
  );
  path.setAttribute("d", squares.join(""));
  svg.append(path);
  return svg;
}

/** The square of modules, true for dark; null when `data` is too long. */
export function qrModules(data: Uint8Array): boolean[][] | null {
  const index = VERSIONS.findIndex(
    ([total, correction, blocks], i) => headerBytes(i + 1) + data.length <= total - correction * blocks,
  );
  const version = VERSIONS[index];
  if (version === undefined) return null;
  const size = 21 + 4 * index;
  const grid = new Grid(size);
  drawPatterns(grid, index + 1, version[3]);
  drawData(grid, codewords(data, index + 1));
  return grid.dark;
}

class Grid {
  readonly dark: boolean[][];
  /** Modules with a function, which data goes around. */
  readonly fixed: boolean[][];

  constructor(readonly size: number) {
    this.dark = Array.from({ length: size }, () => new Array<boolean>(size).fill(false));
    this.fixed = Array.from({ length: size }, () => new Array<boolean>(size).fill(false));
  }

  set(x: number, y: number, dark: boolean, fixed = true): void {
    const [row, fixedRow] = [this.dark[y], this.fixed[y]];
    if (row === undefined || fixedRow === undefined || x < 0 || x >= this.size) return;
    row[x] = dark;
    if (fixed) fixedRow[x] = true;
  }

  isFixed(x: number, y: number): boolean {
    return this.fixed[y]?.[x] ?? true;
  }
}

function headerBytes(version: number): number {
  return version < 10 ? 2 : 3; // 4 bits of mode, 8 or 16 of length, 4 of terminator
}

function drawPatterns(grid: Grid, version: number, centres: readonly number[]): void {
  const last = grid.size - 1;
  for (let i = 0; i < grid.size; i++) {
    grid.set(6, i, i % 2 === 0);
    grid.set(i, 6, i % 2 === 0);
  }
  for (const [x, y] of [
    [3, 3],
    [last - 3, 3],
    [3, last - 3],
  ] as const)
    drawRings(grid, x, y, 4, (ring) => ring !== 2 && ring !== 4);
  for (const x of centres) {
    for (const y of centres) {
      const onFinder = (x === 6 && y === 6) || (x === 6 && y === last - 6) || (x === last - 6 && y === 6);
      if (!onFinder) drawRings(grid, x, y, 2, (ring) => ring !== 1);
    }
  }
  drawFormat(grid);
  if (version >= 7) drawVersion(grid, version);
}

function drawRings(grid: Grid, cx: number, cy: number, radius: number, isDark: (ring: number) => boolean): void {
  for (let dy = -radius; dy <= radius; dy++) {
    for (let dx = -radius; dx <= radius; dx++) grid.set(cx + dx, cy + dy, isDark(Math.max(Math.abs(dx), Math.abs(dy))));
  }
}

function drawFormat(grid: Grid): void {
  const bits = withRemainder(LEVEL_L_MASK_0, 10, 0x537) ^ 0x5412;
  const last = grid.size - 1;
  for (let i = 0; i < 15; i++) {
    const dark = ((bits >> i) & 1) === 1;
    const near = i < 6 ? i : i < 8 ? i + 1 : 14 - i;
    if (i < 8) grid.set(8, near, dark);
    else grid.set(i === 8 ? 7 : near, 8, dark);
    if (i < 8) grid.set(last - i, 8, dark);
    else grid.set(8, last - 14 + i, dark);
  }
  grid.set(8, last - 7, true);
}

function drawVersion(grid: Grid, version: number): void {
  const bits = withRemainder(version, 12, 0x1f25);
  for (let i = 0; i < 18; i++) {
    const dark = ((bits >> i) & 1) === 1;
    const [along, across] = [Math.floor(i / 3), grid.size - 11 + (i % 3)];
    grid.set(across, along, dark);
    grid.set(along, across, dark);
  }
}

/** `value`, followed by its BCH remainder of `bits` bits. */
function withRemainder(value: number, bits: number, generator: number): number {
  let remainder = value;
  for (let i = 0; i < bits; i++) remainder = (remainder << 1) ^ ((remainder >> (bits - 1)) * generator);
  return (value << bits) | remainder;
}

/** Two columns at a time from the right, up and down in turn, around what is fixed. */
function drawData(grid: Grid, bytes: readonly number[]): void {
  let bit = 0;
  for (let right = grid.size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < grid.size; step++) {
      const y = ((right + 1) & 2) === 0 ? grid.size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (grid.isFixed(x, y)) continue;
        const dark = (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
        bit++;
        grid.set(x, y, dark !== ((x + y) % 2 === 0), false);
      }
    }
  }
}

/** The data with its header and padding, in blocks with their corrections, interleaved. */
function codewords(data: Uint8Array, version: number): number[] {
  const [total, correction, blocks] = VERSIONS[version - 1] ?? [0, 0, 1];
  const header = version < 10 ? [data.length] : [data.length >> 8, data.length & 255];
  const nibbles = [BYTE_MODE, ...[...header, ...data].flatMap((byte) => [byte >> 4, byte & 15]), 0];
  const bytes: number[] = [];
  for (let i = 0; i < nibbles.length; i += 2) bytes.push(((nibbles[i] ?? 0) << 4) | (nibbles[i + 1] ?? 0));
  for (let pad = 0xec; bytes.length < total - correction * blocks; pad ^= 0xec ^ 0x11) bytes.push(pad);
  const short = Math.floor(bytes.length / blocks);
  const firstLong = blocks - (bytes.length % blocks);
  const parts = Array.from({ length: blocks }, (_, i) => {
    const start = i * short + Math.max(0, i - firstLong);
    return bytes.slice(start, start + short + (i >= firstLong ? 1 : 0));
  });
  const corrections = parts.map((part) => reedSolomon(part, correction));
  return [...interleave(parts), ...interleave(corrections)];
}

function interleave(parts: readonly number[][]): number[] {
  const longest = Math.max(...parts.map((part) => part.length));
  return Array.from({ length: longest }, (_, i) => parts.flatMap((part) => part[i] ?? [])).flat();
}

function reedSolomon(data: readonly number[], degree: number): number[] {
  let generator = [1];
  for (let i = 0, root = 1; i < degree; i++, root = multiply(root, 2)) {
    generator = [...generator, 0].map((value, j) => value ^ multiply(generator[j - 1] ?? 0, root));
  }
  const remainder = new Array<number>(degree).fill(0);
  for (const byte of data) {
    const factor = byte ^ (remainder.shift() ?? 0);
    remainder.push(0);
    for (let j = 0; j < degree; j++) remainder[j] = (remainder[j] ?? 0) ^ multiply(generator[j + 1] ?? 0, factor);
  }
  return remainder;
}

/** In GF(2⁸) modulo x⁸ + x⁴ + x³ + x² + 1. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let i = 7; i >= 0; i--) product = (product << 1) ^ ((product >> 7) * 0x11d) ^ (((b >> i) & 1) * a);
  return product;
}
