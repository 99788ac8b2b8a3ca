/**
 * Of the market application's indexes of bars, portfolios and transactions, which are built one by
 * one.
 */
import { marketFiles, testDeathsAtEachStatement } from './market-interruptions';

testDeathsAtEachStatement(marketFiles(false, 1, 8));
