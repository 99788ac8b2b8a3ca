/**
 * A client that dies while it builds the indexes of strategies, instruments and accounts of the
 * market application, one statement at a time.
 */
import { marketFiles, testDeathsAtEachStatement } from './market-interruptions';

testDeathsAtEachStatement(marketFiles(false, 9));
