/** fast-check, which draws by the seed that the run of the tests prints, so that BD0_SEED repeats its properties too. */
import fc from 'fast-check';
import { seedOf } from './volume.js';

fc.configureGlobal({ seed: seedOf(1) });

export default fc;
