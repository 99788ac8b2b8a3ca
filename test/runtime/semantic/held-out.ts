/**
 * Pairs that were written after the guards were finished. The comments count the pairs that the
 * guards merged at first; docs/runtime/semantic.md lists the corrections.
 */
import { type Pair, pairs } from './pairs';

export const HELD_OUT: Readonly<Record<string, readonly Pair[]>> = {
  /** Two were merged: "which tier/tiers", "who blocked me/who I blocked". */
  'of every kind': pairs(`
  Can my landlord enter without notice? | Can my landlord enter with notice?
  What happens if I stop paying my loan? | What happens if I start paying my loan?
  How do I add a user to a group? | How do I add a group to a user?
  Is it safe to take aspirin with warfarin? | Is it safe to take warfarin without aspirin?
  What is the boiling point of water in Celsius? | What is the boiling point of water in Fahrenheit?
  Who did Amazon acquire in 2017? | Who acquired Amazon in 2017?
  How far is Mars from Earth at its closest? | How far is Mars from Earth at its farthest?
  What time does the last train leave? | What time does the first train leave?
  Why did the stock go up? | Why did the stock go down?
  How do I merge branch dev into main? | How do I merge branch main into dev?
  What did the CFO say about the CEO? | What did the CEO say about the CFO?
  Is a dog allowed in the cabin? | Is a dog allowed on the cabin?
  Are tips included in the bill? | Are tips not included in the bill?
  How do I copy a file from the server to my machine? | How do I copy a file to the server from my machine?
  What is the interest on savings? | What is the interest on loans?
  How many days before departure can I cancel? | How many days after departure can I cancel?
  Which tier includes support? | Which tiers include support?
  What is the deadline for form 1040? | What is the deadline for form 1041?
  What is the deadline for Form W-2? | What is the deadline for Form W-4?
  Did sales beat forecasts? | Did forecasts beat sales?
  Can I be fired while on sick leave? | Can I quit while on sick leave?
  Can I be fired for being sick? | Can I be fired while being sick?
  What are the side effects of stopping statins? | What are the side effects of statins?
  Does vitamin C prevent colds? | Does vitamin D prevent colds?
  How is the company owned by its employees? | How are the employees owned by the company?
  How long can I store cooked rice in the fridge? | How long can I store cooked rice in the freezer?
  Is overtime paid at time and a half? | Is overtime paid at double time?
  Do I lose my points when I upgrade? | Do I lose my points when I downgrade?
  Who is entitled to vote at the meeting? | Who voted at the meeting?
  What are my rights as a buyer? | What are my rights as a seller?
  What is the tax on 10 shares at $20? | What is the tax on 20 shares at $10?
  How do I read a file as bytes? | How do I write a file as bytes?
  Should children drink coffee? | Do children drink coffee?
  Has the payment been processed? | Is the payment being processed?
  Has the payment been processed? | Will the payment be processed?
  Are you hiring? | Are you hired?
  Is John the manager of Mary? | Is Mary the manager of John?
  Is John Mary's manager? | Is Mary John's manager?
  Which employees manage themselves? | Which employees manage others?
  Do men earn more than women? | Do women earn more than men?
  How can I see who blocked me? | How can I see who I blocked?
  What does the seller owe the buyer? | What does the buyer owe the seller?
  What did we promise to the customer? | What did the customer promise to us?
  Who invited Sara? | Who did Sara invite?
  How do I let someone else see my calendar? | How do I see someone else's calendar?
  How do I sort by date and then by name? | How do I sort by name and then by date?
  How do I multiply before adding? | How do I add before multiplying?
  What is 3 to the power of 4? | What is 4 to the power of 3?
  What is the ratio of debt to equity? | What is the ratio of equity to debt?
  What is the square root of 16? | What is the square of 16?
  How much should I save per month? | How much should I save per year?
  How much water should a man drink? | How much water should a woman drink?
  What is the minimum order for free delivery? | What is the free delivery for minimum order?
  How much do I owe you? | How much do you owe me?
  Is the contract binding before signing? | Is the contract binding upon signing?
  Can I claim expenses on top of my salary? | Can I claim expenses from my salary?
  Is the museum free on Sundays? | Is the museum free except on Sundays?
  Does the policy cover water damage? | Does the policy cover damage to water?
  What was our best quarter? | What was our best year?
  What did Apple announce this spring? | What did Apple announce last spring?
  What is the price of two adult tickets? | What is the price of an adult ticket?
  Who runs the market in New York? | Who runs the New York market?
  When is the employee paid? | When is the employee paying?
  Where do I sign? | Where do I sign in?
  How do I cut a release? | How do I release a cut?
  How do I get a child passport? | How do I get a passport?
  Is the bank a subsidiary of the fund? | Is the fund a subsidiary of the bank?
  What is the opposite of hot? | What is hot?
  Do I need a permit to fish? | Do I need a permit or to fish?
  What is the cost of the house's owner? | What is the cost of the owner's house?
  Is the door locked from the inside? | Is the door locked from the outside?
  Which airline is the least likely to lose my bag? | Which airline is the most likely to lose my bag?
  Can the court overturn the ban? | Can the ban overturn the court?
  Why would anyone short the yen? | Why would everyone short the yen?
  Is there a way to undo a merge? | Is there a way to redo a merge?
  What can I deduct? | What can't I deduct?
  Does the offer end at noon or midnight? | Does the offer end at noon?
  What is the world record for the 100 m? | What is the world record for the 200 m?
  Is the fee per person or per room? | Is the fee per person and per room?
`),
  /**
   * Written to find gaps: tense, particles, signs, codes. Two were merged: the operators ? and !,
   * "price of one share".
   */
  'of function words and signs': pairs(`
  Does the company pay its employees? | Did the company pay its employees?
  What does Tesla make? | What did Tesla make?
  Where does Anna work? | Where did Anna work?
  Is the bridge open? | Was the bridge open?
  Has the bridge opened? | Had the bridge opened?
  Who has won the cup? | Who had won the cup?
  Which player has won the cup? | Which player won the cup?
  What is a good? | What are goods?
  What is the custom in Japan? | What are the customs in Japan?
  What is the return on the fund? | What are the returns of the fund?
  How do I reset my password? | How do you reset my password?
  Is it the dog of the neighbor? | Is it the neighbor of the dog?
  What is the history of art? | What is the art of history?
  What is the price of one share? | What is the price of a share of one?
  What is in the cup of tea? | What is in the tea cup?
  How is milk delivered? | Why is milk delivered?
  How does he look? | What does he look like?
  What does he like? | What is he like?
  Where is he from? | Where is he?
  When is the shop open from? | When is the shop open until?
  How long will it take to finish? | How long did it take to finish?
  How long does the battery last? | How long did the battery last?
  How much did the car cost? | How much does the car cost?
  How much will the car cost? | How much does the car cost?
  How much is left? | How much is it?
  How much is the rent? | How much was the rent?
  Which is more expensive, gold or silver? | Which is less expensive, gold or silver?
  Do I have a warranty? | Do I have to have a warranty?
  Who can see my posts? | Whose posts can I see?
  Who do I call? | Who calls me?
  What can stop the pump? | What can the pump stop?
  What can a tenant do? | What can be done to a tenant?
  Could the bank have refused? | Can the bank refuse?
  Would you lend to me? | Will you lend to me?
  Do dogs eat cats? | Do cats eat dogs?
  Are Apple and Google suing Samsung? | Are Apple and Samsung suing Google?
  Is Google or Apple bigger than Samsung? | Is Google or Samsung bigger than Apple?
  What is between Paris and Lyon? | What is between Paris and Lille?
  Is 5 greater than 3? | Is 3 greater than 5?
  Is 5 greater than 3? | Is 5 less than 3?
  What is 10 divided by 2? | What is 2 divided by 10?
  What is 2^10? | What is 2*10?
  What is 5-3? | What is 5+3?
  What is 5-3? | What is 53?
  What is 1.5 million in yen? | What is 15 million in yen?
  Is 0.5% a high fee? | Is 0.05% a high fee?
  Is 12/05/2024 a holiday? | Is 05/12/2024 a holiday?
  Is 9/11 a holiday? | Is 9/12 a holiday?
  What is due on the 3rd? | What is due on the 4th?
  What is the 1st step? | What is the 2nd step?
  What is the third step? | What is the fourth step?
  What happened in the 1980s? | What happened in the 1990s?
  What is a 401k? | What is a 403b?
  What is a 2x4? | What is a 4x4?
  What is H2O? | What is H2O2?
  What is iOS 17? | What is iOS 18?
  What is the iPhone 15? | What is the iPhone 15 Pro?
  Is version 2.0.1 stable? | Is version 2.1.0 stable?
  What does #define do? | What does #include do?
  What does && do? | What does || do?
  What does a == b mean? | What does a = b mean?
  What does != mean? | What does == mean?
  What does the ? operator do? | What does the ! operator do?
  Who is @anna? | Who is @anne?
  Is alice@example.com valid? | Is alice@example.org valid?
  What is $HOME? | What is $PATH?
  What is in /etc/passwd? | What is in /etc/shadow?
  How do I use git reset --soft? | How do I use git reset --hard?
  How do I run ls -a? | How do I run ls -l?
  How do I quit "vim"? | How do I quit "emacs"?
  Does 'yes' mean consent? | Does 'no' mean consent?
  Can we sell to US customers? | Can we sell to us customers?
  What is polish? | What is Polish?
  What is a March? | What is a march?
  Who is Will? | Who will?
  Will May resign? | May Will resign?
  What is the stock of General Motors? | What is the stock of General Electric?
  What does New York cost? | What does York cost?
  How do I sign up? | How do I sign in?
  How do I back up my phone? | How do I set up my phone?
  How do I turn the alarm on? | How do I turn the alarm off?
  How do I log the user out? | How do I log the user in?
  How do I opt in? | How do I opt out?
  Please tell me if I can leave | Please tell me when I can leave
  I want to know why I can leave | I want to know if I can leave
  Can you help me? | Can I help you?
  Can you tell me the price? | Can I tell you the price?
  Could you explain why rates rise? | Could you explain how rates rise?
  Do you know who I am? | Do you know who you are?
  If it rains, is the match on? | If the match is on, does it rain?
  When I leave, do they get paid? | When they leave, do I get paid?
  After a merge, can I revert? | After a revert, can I merge?
  In Java, how do I call Python? | In Python, how do I call Java?
  What are the duties of the mother's sister? | What are the duties of the sister's mother?
  What is the way to delete a user? | What is the best way to delete a user?
  What is the process for hiring? | What is the process for firing?
  What is meant by hot money? | What is meant by cold money?
  Why do people buy bonds? | Why should people buy bonds?
  How many people work here? | How many people worked here?
  How often does it break? | How often did it break?
  How old is she? | How old was she?
  Am I being charged? | Am I charged?
  Does anyone know where he lives? | Does anyone know where he lived?
  Which of my cards is expired? | Which of your cards is expired?
  What is the cost of the cheapest plan? | What is the cost of a cheap plan?
  What is the current in the wire? | What is currently in the wire?
  Can he use the car? | Can he be used by the car?
  Is it used to pay? | Is he used to paying?
  Is there any fee? | Is there no fee?
  Is there little time? | Is there a little time?
  Have you any stock? | Have you all stock?
  What else is included? | What is included?
  What is the other option? | What is the option?
  Is the other party liable? | Is the party liable?
  Is only he liable? | Is he only liable?
  Are you still open? | Are you open?
  Are you open yet? | Are you open?
  Is the shop open again? | Is the shop open?
  Is it ever cold? | Is it cold?
  What is almost free? | What is free?
  Is he so tall? | Is he tall?
  Is it too hot? | Is it hot?
  Is it hot too? | Is it too hot?
`),
  /**
   * Questions of a trading service's users and staff, written after those fixes. None was merged.
   */
  'of one domain': pairs(`
  Who is allowed to approve expenses of a manager? | Who is allowed to approve expenses as a manager?
  What is the notice period for employees? | What is the notice period for employers?
  Do I get paid on holidays? | Do I get paid for holidays?
  How do I apply for parental leave? | How do I apply after parental leave?
  What is our policy on gifts from suppliers? | What is our policy on gifts to suppliers?
  Can a contractor become an employee? | Can an employee become a contractor?
  Which stocks fell after the rate cut? | Which stocks rose after the rate cut?
  What was the volatility of SPY last week? | What was the volatility of QQQ last week?
  How is the Sharpe ratio computed? | How is the Sortino ratio computed?
  What is the market cap of Nvidia? | What is the market share of Nvidia?
  Is the yen stronger than it was in 2020? | Is the yen weaker than it was in 2020?
  When does the New York session overlap with London? | When does the Tokyo session overlap with London?
  What spread do you charge on EUR/USD? | What spread do you charge on USD/EUR?
  What margin do I need for 2 lots? | What margin do I need for 0.2 lots?
  Can I place a stop order below the market? | Can I place a stop order above the market?
  How is a buy limit different from a buy stop? | How is a sell limit different from a sell stop?
  Why was my buy order rejected? | Why was my sell order rejected?
  Where can I see open positions? | Where can I see closed positions?
  Where can I see my realized profit? | Where can I see my unrealized profit?
  Does the strategy trade overnight? | Does the strategy trade intraday?
  What is the drawdown of strategy A? | What is the drawdown of strategy B?
  What's the drawdown of the strategy over 3 months? | What's the drawdown of the strategy over 3 years?
  How many trades won? | How many trades lost?
  How many trades did we win in March? | How many trades did we win in May?
  Which broker pays interest to me? | Which broker do I pay interest to?
  Do I pay tax before I withdraw? | Do I pay tax when I withdraw?
  What happens to my account when I die? | What happens to my account if I move?
  Who insures my deposit? | Who holds my deposit?
  How safe is my deposit? | How big is my deposit?
  Is there a limit on deposits? | Is there a limit on withdrawals?
  How do I raise my limit? | How do I see my limit?
  Why do you need my passport? | When do you need my passport?
  Do you share my data with partners? | Do partners share my data with you?
  What does "GTC" mean? | What does "IOC" mean?
  Is it T+1 or T+2? | Is it T+2 or T+3?
  What does a P/E of 20 mean? | What does a P/E of -20 mean?
  Are options taxed like stocks? | Are stocks taxed like options?
  Can the price of a bond go negative? | Can the yield of a bond go negative?
  What does the Fed think about inflation? | What does inflation do to the Fed?
  Which countries use the euro? | Which countries used the euro?
  Which countries don't use the euro? | Which countries use the euro?
  How do I run the tests without the network? | How do I run the network without the tests?
  How do I mock a class in a test? | How do I test a mock class?
  How do I rebase onto main? | How do I rebase main onto my branch?
  Why is the build slower than before? | Why is the build slower than the tests?
  Does the index help when I filter by name? | Does the index help when I filter by name and date?
  How do I select rows where a is null? | How do I select rows where a is not null?
  How do I get the first 10 rows? | How do I get the last 10 rows?
  How do I delete all rows? | How do I delete some rows?
  What is the time complexity of merge sort? | What is the space complexity of merge sort?
`),
};

/** The guards pass 12 of these 20. */
export const HELD_OUT_PARAPHRASES: readonly Pair[] = pairs(`
  How do I update my billing address? | How can I change my billing address?
  How do I update my billing address? | Please tell me how to update my billing address.
  What is the VAT rate in Germany? | What's Germany's VAT rate?
  What is the weather limit for drones? | what's the weather limit for drones
  When was Amazon founded? | In what year was Amazon founded?
  How much does the premium plan cost? | What is the price of the premium plan?
  Who is the president of Brazil? | Who's Brazil's president?
  What does EBITDA mean? | What is EBITDA?
  How do I export my data? | What are the steps for exporting my data?
  Do you offer student discounts? | Are there discounts for students?
  Why was my card declined? | What is the reason why my card was declined?
  How long does a refund take? | How long does it take to get a refund?
  Can I pay by card? | Is card payment possible?
  Hello, can you tell me when the library closes? | When does the library close?
  How many days off do I get? | How many days of vacation do I have?
  What is the phone number of support? | What's the support phone number?
  What are the ingredients of pesto? | What is in pesto?
  What is the difference between HTTP and HTTPS? | What's the difference between HTTPS and HTTP?
  Where can I download the report? | Where do I download the report?
  Do I have to register by May 3, 2026? | Must I register by 3 May 2026?
`);
