import { digestOf } from '../../src/policy/normal-form.ts';
import { policyText } from '../../src/policy/text.ts';
import { MAILIT, read, SHOP, shopWith } from './given.ts';

const OWN_CODES = shopWith(
  'controller:',
  `codes:
  purposes: { fitting: { label: Fitting shoes, dpv: 'dpv:Personalisation' } }
  dataCategories: { shoe-size: { label: Size of shoes, broader: 'pd:PhysicalTrait' }, shoe-colour: }
controller:`,
);

it.each([
  ['MAILIT', MAILIT],
  ['the shop', SHOP],
  ['one with codes of its own', OWN_CODES],
  ['one whose texts YAML would take for something else', shopWith('title: Privacy at the shop', 'title: "no: # yes, & 1"')],
])('the text of %s reads as the same policy', (_, text) => {
  const policy = read(text);
  const written = policyText(policy);
  expect(written.startsWith('format: 1\npolicy: ')).toBe(true);
  expect(read(written)).toEqual(policy);
  expect(digestOf(read(written))).toBe(digestOf(policy));
});
