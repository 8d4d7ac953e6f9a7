/** A word as a shell wants it: commands that are printed can be copied, whatever is in a name. */
export const quoted = (text: string): string =>
  /^[\w./=+:@,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
