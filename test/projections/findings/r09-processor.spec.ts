import { R9 } from '../../../projections/findings/rules/r09-processor.ts';
import { AT, disclosure, mailitWith, PROMISES, type Row, table } from './judging.ts';

const to = (recipient: Record<string, unknown>, data: Record<string, unknown> = {}) =>
  disclosure({
    purpose: 'customer-communication',
    categories: ['name'],
    recipient: { role: 'processor', country: 'SE', ...recipient },
    ...data,
  });
const recorded = (...agreements: Record<string, unknown>[]) => ({
  agreements: () => agreements.map((each) => ({ from: AT - 1_000, ...each })),
});
const ended = mailitWith(
  '      PUB-2018-02:\n        from: 2018-05-25\n',
  '      PUB-2018-02:\n        from: 2018-05-25\n        until: 2026-03-01\n',
);
const withAliases = mailitWith('    name: Norrdrift\n', '    name: Norrdrift\n    aliases: [nd, nd-drift]\n');
const recordedOf = (engaged: string) => ({
  agreements: (names: readonly string[]) => (names.includes(engaged) ? [{ from: AT - 1_000 }] : []),
});

table(R9, [
  ['within the agreement of the policy', to({ id: 'norrdrift' }), ['conforms']],
  ['no agreement at all', to({ id: 'somebody' }), ['no-agreement @22 28(3) high']],
  ['an agreement that has ended', to({ id: 'svarsbyran' }), ['agreement-not-current @22 28(3) high'], ended],
  ['its last day', { ...to({ id: 'svarsbyran' }), time: Date.parse('2026-03-01T23:00:00Z') }, ['conforms'], ended],
  ['before it began', { ...to({ id: 'svarsbyran' }), time: Date.parse('2018-05-24') }, ['agreement-not-current @22 28(3) high']],
  ['another purpose', to({ id: 'svarsbyran' }, { purpose: 'payment' }), ['beyond-agreement @22 28(3) high']],
  ['other data', to({ id: 'svarsbyran' }, { categories: ['usage'] }), ['beyond-agreement @22 28(3) high']],
  ['another country', to({ id: 'svarsbyran', country: 'FI' }), ['country-beyond-agreement @22 28(3) high']],
  ['nobody says in which country', to({ id: 'svarsbyran', country: undefined }), ['? recipient.country']],
  ['nobody says who', to({}), ['? recipient.id']],
  ['nobody says for what', to({ id: 'svarsbyran' }, { purpose: undefined }), ['? purpose']],
  ['nobody says which data', to({ id: 'svarsbyran' }, { categories: undefined }), ['? categories']],
  [
    'nobody says which data, but the purpose is another',
    to({ id: 'svarsbyran' }, { purpose: 'payment', categories: undefined }),
    ['beyond-agreement @22 28(3) high'],
  ],
  [
    'nobody says for what, where one that was recorded has no limit',
    to({ id: 'svarsbyran' }, { purpose: undefined }),
    ['conforms'],
    PROMISES,
    recorded({}),
  ],
  ['an agreement that was recorded', to({ id: 'somebody' }), ['conforms'], PROMISES, recorded({})],
  [
    'one that was recorded and ended',
    to({ id: 'somebody' }),
    ['agreement-not-current @22 28(3) high'],
    PROMISES,
    recorded({ until: AT - 1 }),
  ],
  ['one that begins later', to({ id: 'somebody' }), ['agreement-not-current @22 28(3) high'], PROMISES, recorded({ from: AT + 1 })],
  [
    'one that was recorded for other countries',
    to({ id: 'somebody' }),
    ['country-beyond-agreement @22 28(3) high'],
    PROMISES,
    recorded({ countries: ['FI'] }),
  ],
  [
    'a recorded one beside the one of the policy',
    to({ id: 'svarsbyran', country: 'FI' }),
    ['conforms'],
    PROMISES,
    recorded({ countries: ['FI'] }),
  ],
  ...(['nd', 'norrdrift'] as const).flatMap((engaged) =>
    (['nd', 'norrdrift', 'nd-drift'] as const).map(
      (used): Row => [
        `${used} got it, and ${engaged} was engaged for it: the policy says that they are one`,
        to({ id: used }, { purpose: 'payment' }),
        ['conforms'],
        withAliases,
        recordedOf(engaged),
      ],
    ),
  ),
  [
    'engaged was somebody else',
    to({ id: 'nd' }, { purpose: 'payment' }),
    ['beyond-agreement @22 28(3) high'],
    withAliases,
    recordedOf('nobody'),
  ],
  ['a sub-processor', to({ id: 'somebody', role: 'sub-processor' }), ['no-agreement @22 28(3) high']],
  ['no processor', disclosure(), []],
]);
