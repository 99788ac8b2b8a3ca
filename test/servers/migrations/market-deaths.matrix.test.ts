/** A client that dies during a transactional migration of the market application. */
import { marketFiles, testDeathsAtEachStatement } from './market-interruptions';

testDeathsAtEachStatement(marketFiles(true));
