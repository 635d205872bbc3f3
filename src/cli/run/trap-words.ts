/** What a trap report needs beyond the machine, loaded for the first report: most runs have none. */
export { PlacedImage, ProcessCode, readLibraryInSteps, trapText } from '../../index.js';
