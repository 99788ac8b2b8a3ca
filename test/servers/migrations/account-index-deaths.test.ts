/**
 * Of the market application's indexes of strategies, instruments and accounts, which are built one
 * by one.
 */
import { marketFiles, testDeathsAtEachStatement } from './market-interruptions';

testDeathsAtEachStatement(marketFiles(false, 9));
