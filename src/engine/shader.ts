import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { messageOf, ShaderError } from '../errors.js';
import { shaders } from '../kernels/shaders.generated.js';

/**
 * From a file in shaders/ to the text a device compiles:
 *   #include "lib/name"          the text of another file
 *   #unroll i COUNT ... #end     the lines between, once for each i in 0..COUNT-1, with `$i` replaced (one letter; `$iu` is a literal); may nest
 *   #if / #elif / #else / #endif conditions on the constants (wgsl-preprocessor)
 * and the variant's numeric constants as `const NAME: u32 = ...;` on top.
 */
export type Constants = Readonly<Record<string, number | boolean>>;

/** Names a pipeline: a shader with its constants; one that is false is as good as absent. */
export function kernelKey(shader: string, constants: Constants = {}): string {
  const names = Object.keys(constants).filter((name) => constants[name] !== false);
  return [shader, ...names.sort().map((name) => `${name}=${constants[name]}`)].join(' ');
}

const library: Record<string, string> = { ...shaders };

const origins = new Map<string, string>();

/** Adds a text that does not come with the package; it may include those that do. @param path where it comes from, for messages */
export function addShader(name: string, text: string, path?: string): void {
  library[name] = text;
  if (path !== undefined) origins.set(name, path);
}

/** The file that a shader's text comes from. */
export const shaderPath = (name: string): string => origins.get(name) ?? `shaders/${name}.wgsl`;

/** @throws ShaderError that names the file, for a directive that cannot be followed */
export function shaderText(name: string, constants: Constants = {}): string {
  try {
    return expand(name, constants);
  } catch (cause) {
    throw new ShaderError(`${shaderPath(name)}: ${messageOf(cause)}`, { cause });
  }
}

function expand(name: string, constants: Constants): string {
  const text = unroll(conditions(include(name), constants), constants);
  const used = Object.entries(constants).filter(
    ([key, value]) => typeof value === 'number' && new RegExp(`\\b${key}\\b`).test(text),
  );
  const head = used.map(([key, value]) => `const ${key}: u32 = ${value}u;`).join('\n');
  // Directives such as `enable subgroups;` must come before any declaration.
  const directives = text.match(/^\s*(?:enable|requires|diagnostic)\b[^;]*;/gm) ?? [];
  const body = directives.reduce((rest, directive) => rest.replace(directive, ''), text);
  return `${directives.map((line) => line.trim()).join('\n')}\n${head}\n${body}`.trim();
}

function include(name: string, seen = new Set<string>()): string {
  const text = library[name];
  if (text === undefined) throw new Error(`there is no ${shaderPath(name)}`);
  return text.replace(/^[ \t]*#include "([^"]+)"[ \t]*$/gm, (_, other: string) => {
    if (seen.has(other)) return '';
    seen.add(other);
    return include(other, seen);
  });
}

/** Hands the text to wgsl-preprocessor, whose template tag wants each condition's value right behind `#if `. */
function conditions(text: string, constants: Constants): string {
  const parts: string[] = [];
  const values: unknown[] = [];
  let last = 0;
  for (const match of text.matchAll(/#(?:if|elif)[ \t]+(.+)$/gm)) {
    const expression = match[1] ?? '';
    const at = match.index + match[0].length - expression.length;
    parts.push(text.slice(last, at));
    values.push(holds(expression, constants));
    last = at + expression.length;
  }
  parts.push(text.slice(last));
  return wgsl(parts as unknown as TemplateStringsArray, ...values);
}

/** `A`, `!A`, `A == 3`, `A > 1`, joined by && and || (&& binds tighter). An absent constant is false. */
function holds(expression: string, constants: Constants): boolean {
  if (expression.includes('||')) return expression.split('||').some((part) => holds(part, constants));
  if (expression.includes('&&')) return expression.split('&&').every((part) => holds(part, constants));
  const [, not, name = '', operator, right] =
    /^\s*(!?)\s*(\w+)\s*(?:(==|!=|>|<)\s*(\d+))?\s*$/.exec(expression) ?? [];
  if (!name) throw new Error(`cannot read the condition '${expression}'`);
  const value = Number(constants[name] ?? 0);
  const other = Number(right);
  if (operator === '==') return value === other;
  if (operator === '!=') return value !== other;
  if (operator === '>') return value > other;
  if (operator === '<') return value < other;
  return (value !== 0) !== (not === '!');
}

/** Expands the innermost #unroll blocks until none is left. */
function unroll(text: string, constants: Constants): string {
  const block = /^[ \t]*#unroll (\w) (\w+)[ \t]*\n((?:(?!^[ \t]*#unroll)[\s\S])*?)^[ \t]*#end[ \t]*$/m;
  let rest = text;
  for (let match = block.exec(rest); match; match = block.exec(rest)) {
    const [whole, variable, count = '', body = ''] = match;
    const n = Number(constants[count] ?? count);
    if (!Number.isInteger(n)) throw new Error(`#unroll ${variable} ${count}: no such constant`);
    const pattern = new RegExp(`\\$${variable}`, 'g');
    const lines = Array.from({ length: n }, (_, i) => body.replace(pattern, String(i)));
    rest = rest.slice(0, match.index) + lines.join('') + rest.slice(match.index + whole.length);
  }
  return rest;
}

export interface ShaderBinding {
  readonly name: string;
  readonly binding: number;
  /** `queue`: a counter that the runtime lends, zero between dispatches. */
  readonly kind: 'read' | 'read_write' | 'uniform' | 'texture' | 'queue';
}

/** What the text declares: bindings, and the fields of `struct Params` (4 bytes each, so field i lies at byte 4i). */
export interface Reflection {
  readonly bindings: readonly ShaderBinding[];
  readonly params: readonly { readonly name: string; readonly type: 'u32' | 'i32' | 'f32' }[];
}

export function reflect(text: string): Reflection {
  const bindings: ShaderBinding[] = [];
  const declaration =
    /@group\(0\)\s*@binding\((\d+)\)\s*var(?:<\s*(storage|uniform)\s*(?:,\s*(read_write|read))?\s*>)?\s+(\w+)\s*:\s*(\w+)/g;
  for (const [, binding, space, access, name = '', type = ''] of text.matchAll(declaration)) {
    bindings.push({ name, binding: Number(binding), kind: kindOf(space, access, type) });
  }
  const fields = /struct Params\s*\{([^}]*)\}/.exec(text)?.[1] ?? '';
  const params = [...fields.replace(/\/\/.*$/gm, '').matchAll(/(\w+)\s*:\s*(\w+)/g)].map(
    ([, name = '', type = '']) => {
      if (type !== 'u32' && type !== 'i32' && type !== 'f32')
        throw new ShaderError(
          `struct Params: field '${name}' is ${type}; only u32, i32 and f32 are laid out`,
        );
      return { name, type } as const;
    },
  );
  return { bindings, params };
}

function kindOf(space: string | undefined, access: string | undefined, type: string): ShaderBinding['kind'] {
  if (space === 'uniform') return 'uniform';
  if (type.startsWith('texture')) return 'texture';
  if (type === 'atomic') return 'queue';
  return access === 'read_write' ? 'read_write' : 'read';
}
