/** Of the market application's files of one transaction. */
import { marketFiles, testDeathsAtEachStatement } from './market-interruptions';

testDeathsAtEachStatement(marketFiles(true));
