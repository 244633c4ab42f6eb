import { applied, itemsIn, logOf, POLICY, removeFiles, used } from './given.ts';

afterAll(removeFiles);
test('x', async () => {
  console.log(await applied(logOf([POLICY, used('2024-02-29'), used('2024-03-31')]), itemsIn));
});
