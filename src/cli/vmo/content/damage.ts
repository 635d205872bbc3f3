import { DamagedRecordError, MissingRecordError } from '../../../index.js';
import { Failure } from '../../failure.js';

/** The failure to read content that a user calls `path`, where a record of it is missing or damaged; any other error as it is. */
export function readFailure(path: string, error: unknown): unknown {
  if (!(error instanceof DamagedRecordError) && !(error instanceof MissingRecordError)) return error;
  return new Failure(`cannot read '${path}': ${error.message}; bd0 vmo verify shows what is affected`);
}
