import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadImage } from '../../src/data/decode.js';
import { Decoder, type DecoderOptions } from '../../src/data/decoder.js';
import { pixels, plainPng, raw, temporaryFolder, write } from './files.js';

function decoder(options: Partial<DecoderOptions> = {}): Decoder {
  const made = new Decoder({ size: 4, channelOrder: 'bgr', workers: 2, ...options });
  onTestFinished(() => made.close());
  return made;
}

const red = async (pending: ReturnType<Decoder['decode']>) => {
  const result = await pending;
  return result.ok ? result.bytes[2] : result.cause;
};

describe('decoder', () => {
  it('answers many tasks at once, each with its own picture', async () => {
    const dir = temporaryFolder();
    const files = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => write(join(dir, `${i}.png`), await plainPng(i))),
    );
    const pool = decoder();
    expect(await Promise.all(files.map((file) => red(pool.decode(file))))).toEqual(files.map((_, i) => i));
  });

  it('decodes as one does without threads', async () => {
    const file = write(
      join(temporaryFolder(), 'x.png'),
      await raw(pixels(31, 17, 3), 31, 17, 3)
        .png()
        .toBuffer(),
    );
    const options = { size: 12, channelOrder: 'rgb' } as const;
    const result = await decoder(options).decode(file);
    expect(result.ok && [...result.bytes]).toEqual([...(await loadImage(file, options)).data]);
  });

  it('names a bad file once, and goes on', async () => {
    const dir = temporaryFolder();
    const good = write(join(dir, 'good.png'), await plainPng(50));
    const text = write(join(dir, 'bad.png'), 'no image');
    const told: string[] = [];
    const pool = decoder({ onBad: (file, cause) => told.push(`${file}: ${cause}`) });
    const cause = 'neither a PNG nor a JPEG';
    const both = [pool.decode(text), pool.decode(text), pool.decode(good)];
    expect(await Promise.all(both.map(red))).toEqual([cause, cause, 50]);
    expect(await red(pool.decode(text))).toBe(cause);
    expect(await red(pool.decode(join(dir, 'gone.png')))).toMatch(/^ENOENT: no such file/);
    expect(await red(pool.decode(dir))).toMatch(/^EISDIR/);
    expect(told[0]).toBe(`${text}: ${cause}`);
    expect(told).toHaveLength(3);
    expect([...pool.bad.keys()]).toEqual([text, join(dir, 'gone.png'), dir]);
  });

  it('finishes what threads hold when closed, drops the rest, and takes no more', async () => {
    const file = write(join(temporaryFolder(), 'x.png'), await plainPng(9));
    const pool = decoder({ workers: 1 });
    const [held, queued] = [pool.decode(file), pool.decode(file)];
    const dropped = expect(queued).rejects.toThrow('the decoder is closed');
    await pool.close();
    await dropped;
    expect(await red(held)).toBe(9);
    await expect(pool.decode(file)).rejects.toThrow('the decoder is closed');
  });

  it('does not keep the process alive, closed or not', async () => {
    const file = write(join(temporaryFolder(), 'x.png'), await plainPng(9));
    const module = new URL('../../dist/src/data/decoder.js', import.meta.url);
    const open = `
      const { Decoder } = await import(${JSON.stringify(module.href)});
      const pool = new Decoder({ size: 2, channelOrder: 'bgr', workers: 2 });
      const picture = pool.decode(${JSON.stringify(file)});`;
    const print = 'console.log(...(await picture).bytes);';
    const run = async (code: string) =>
      (await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], { timeout: 60_000 }))
        .stdout;
    const output = '9 7 9 9 7 9 9 7 9 9 7 9\n';
    expect(await run(`${open} ${print}`)).toBe(output);
    expect(await run(`${open} ${print} await pool.close(); console.log('closed');`)).toBe(
      `${output}closed\n`,
    );
    expect(await run(`${open} await pool.close(); ${print}`)).toBe(output);
  });
});
