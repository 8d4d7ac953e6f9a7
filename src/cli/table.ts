/** Plain-text tables. */

const isNumeric = (cell: string) =>
  /^[-+]?[\d.,]+(e[-+]?\d+)?\s?%?$/i.test(cell) || cell === '-' || cell === '';

/**
 * Aligned columns, the first row as heading over a rule; a column whose cells are all numbers (or `-`) is aligned right.
 * @throws RangeError if the rows differ in length
 */
export function table(rows: readonly (readonly string[])[]): string {
  const [heading = [], ...body] = rows;
  if (body.some((row) => row.length !== heading.length)) throw new RangeError('table: rows differ in length');
  const columns = heading.map((title, k) => {
    const cells = body.map((row) => row[k]!);
    const width = Math.max(title.length, ...cells.map((cell) => cell.length));
    const right = cells.every(isNumeric);
    return { width, pad: (cell: string) => (right ? cell.padStart(width) : cell.padEnd(width)) };
  });
  const line = (row: readonly string[]) =>
    row
      .map((cell, k) => columns[k]!.pad(cell))
      .join('  ')
      .trimEnd();
  const rule = columns.map(({ width }) => '-'.repeat(width)).join('  ');
  return [line(heading), rule, ...body.map(line)].join('\n');
}
