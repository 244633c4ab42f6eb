import { Together } from '../../../projections/decisions/together.ts';

/** Reads that end when they are told to. */
function given() {
  const reads: { asked: readonly number[]; end(error?: Error): void }[] = [];
  const read = (asked: readonly number[]) =>
    new Promise<string>((resolve, reject) => {
      reads.push({ asked, end: (error) => (error ? reject(error) : resolve(`read ${reads.length}: ${asked.join()}`)) });
    });
  return { reads, together: new Together(read, (one) => one) };
}
const turn = () => new Promise(setImmediate);

describe('What is read together', () => {
  it('is what was asked for while another read was under way', async () => {
    const { reads, together } = given();
    const first = together.read([1]);
    const others = [together.read([2, 3]), together.read([4])];
    expect(reads.map(({ asked }) => asked)).toEqual([[1]]);
    reads[0]?.end();
    expect(await first).toBe('read 1: 1');
    await turn();
    expect(reads.map(({ asked }) => asked)).toEqual([[1], [2, 3, 4]]);
    reads[1]?.end();
    expect(await Promise.all(others)).toEqual(['read 2: 2,3,4', 'read 2: 2,3,4']);
  });

  it('never began before it was asked for', async () => {
    const { reads, together } = given();
    void together.read([1]);
    const late = together.read([2]);
    reads[0]?.end();
    await turn();
    reads[1]?.end();
    expect(await late).toBe('read 2: 2');
    const next = together.read([3]);
    reads[2]?.end();
    expect(await next).toBe('read 3: 3');
  });

  it('fails for those whose read failed, and for nobody else', async () => {
    const { reads, together } = given();
    const first = together.read([1]);
    const second = together.read([2]);
    reads[0]?.end(new Error('too long'));
    await expect(first).rejects.toThrow('too long');
    await turn();
    reads[1]?.end();
    expect(await second).toBe('read 2: 2');
  });

  it('weighs no more than may be: who asks for much waits for their own', async () => {
    const { reads, together } = given();
    const all = [[1], [1_500], [1_500], [100], [5_000], [1]].map((asked) => together.read(asked));
    for (let read = 0; read < 5; read++) {
      reads[read]?.end();
      await turn();
    }
    await Promise.all(all);
    expect(reads.map(({ asked }) => asked)).toEqual([[1], [1_500], [1_500, 100], [5_000], [1]]);
  });
});
