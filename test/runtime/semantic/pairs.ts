/**
 * Pairs of English questions. Adversarial pairs look alike but have different answers; paraphrases
 * have the same answer.
 */

export type Pair = readonly [string, string];

/** Reads one pair per line, with a bar between its questions. */
export const pairs = (text: string): Pair[] =>
  text
    .trim()
    .split('\n')
    .map((line) => {
      const [one = '', other = ''] = line.split('|').map((part) => part.trim());
      return [one, other] as const;
    });

/** Pairs by the kind of difference. The guards were written against these. */
export const ADVERSARIAL: Readonly<Record<string, readonly Pair[]>> = {
  numbers: pairs(`
    What is the penalty for paying 5 days late? | What is the penalty for paying 15 days late?
    What is 5% of 2,000? | What is 5 of 2,000?
    How much tax do I owe on $50,000? | How much tax do I owe on €50,000?
    How much tax do I owe on $50k? | How much tax do I owe on $50 million?
    Is a return of -3% normal for bonds? | Is a return of 3% normal for bonds?
    How do I upgrade from Python 3.1 to 3.12? | How do I upgrade from Python 3.10 to 3.12?
    What is the dose of ibuprofen for a child of 20 kg? | What is the dose of ibuprofen for a child of 20 lb?
    How long is a 30 minute parking ticket valid? | How long is a 30 hour parking ticket valid?
    Can two people share a plan? | Can three people share a plan?
    What does error 404 mean? | What does error 403 mean?
    What is 7 - 3? | What is 7 + 3?
    What is the yield of the 10-year Treasury? | What is the yield of the 2-year Treasury?`),
  direction: pairs(`
    How do I convert USD to EUR? | How do I convert EUR to USD?
    Are there flights from Boston to Chicago? | Are there flights from Chicago to Boston?
    What is the exchange rate from euros to yen? | What is the exchange rate from yen to euros?
    How do I convert a PDF into a Word file? | How do I convert a Word file into a PDF?
    How do I move photos from my phone to my laptop? | How do I move photos from my laptop to my phone?
    What is 100 EUR in USD? | What is 100 USD in EUR?
    How do I migrate from MySQL to PostgreSQL? | How do I migrate from PostgreSQL to MySQL?
    Can I transfer money from savings to checking? | Can I transfer money from checking to savings?`),
  time: pairs(`
    What was the closing price yesterday? | What is the closing price today?
    What was revenue in Q1 2024? | What was revenue in Q2 2024?
    What was revenue in 2023? | What was revenue in 2024?
    Which holidays are there next month? | Which holidays were there last month?
    Who is the CEO of Intel? | Who was the CEO of Intel?
    Is the office open on Monday? | Is the office open on Sunday?
    What happened on March 3, 2021? | What happened on March 13, 2021?
    Does the shop open at 9am? | Does the shop open at 9pm?
    Will the dividend be paid this week? | Will the dividend be paid next week?
    Can I cancel before the trial ends? | Can I cancel after the trial ends?
    What did the Fed decide? | What will the Fed decide?
    What is due by Friday? | What is due since Friday?`),
  entities: pairs(`
    What is the price of AAPL? | What is the price of AMZN?
    When was Microsoft founded? | When was Google founded?
    What is the capital of Austria? | What is the capital of Australia?
    How do I install "requests"? | How do I install "request"?
    What does ERR-1024 mean? | What does ERR-1042 mean?
    What does the it in the contract mean? | What does the IT in the contract mean?
    Is https://example.com/a safe? | Is https://example.com/b safe?
    Who wrote Emma? | Who wrote Ivanhoe?
    What is C used for? | What is C++ used for?
    Where is order A17-B? | Where is order A17-D?
    What does turkey cost? | What does Turkey cost?
    What is the population of Paris, France? | What is the population of Paris, Texas?`),
  negation: pairs(`
    Can I cancel my order? | Can't I cancel my order?
    Which stocks should I buy? | Which stocks should I not buy?
    Is the item covered by warranty? | Is the item not covered by warranty?
    Do I need a visa for Japan? | Don't I need a visa for Japan?
    Can I fly with a passport? | Can I fly without a passport?
    Which countries do you ship to? | Which countries do you not ship to?
    Which fees apply including tax? | Which fees apply excluding tax?
    Which drinks are free? | Which drinks are free except beer?
    Is the ticket refundable? | Is the ticket non-refundable?
    Why does the job never finish? | Why does the job finish?
    How do I sort with duplicates? | How do I sort without duplicates?
    Who has no access to the vault? | Who has access to the vault?`),
  polarity: pairs(`
    Should I buy gold now? | Should I sell gold now?
    How do I increase my credit limit? | How do I decrease my credit limit?
    When does the market open? | When does the market close?
    How do I enable notifications? | How do I disable notifications?
    What is the maximum withdrawal? | What is the minimum withdrawal?
    How do I go long on oil? | How do I go short on oil?
    How do I turn on two-factor login? | How do I turn off two-factor login?
    How do I subscribe to the newsletter? | How do I unsubscribe from the newsletter?
    What is a call option? | What is a put option?
    How do I import contacts? | How do I export contacts?
    What is gross income? | What is net income?
    Can an employer end the contract? | Can an employee end the contract?
    What are the advantages of index funds? | What are the disadvantages of index funds?
    How do I lock the screen? | How do I unlock the screen?
    Is the rate fixed? | Is the rate variable?
    How do I sign in? | How do I sign out?`),
  comparison: pairs(`
    Which plan has more storage? | Which plan has less storage?
    Which plan has the most storage? | Which plan has the least storage?
    What is the best index fund? | What is the worst index fund?
    Which plan is cheaper? | Which plan is cheapest?
    What are the first three steps? | What are the last three steps?
    Can I withdraw at least 100 dollars? | Can I withdraw at most 100 dollars?
    Is a score over 700 good? | Is a score under 700 good?
    Which is the largest city in Texas? | Which is the second largest city in Texas?
    Which fund performed best? | Which funds performed best?
    Is silver as volatile as gold? | Is silver more volatile than gold?`),
  order: pairs(`
    Does Disney own Hulu? | Does Hulu own Disney?
    Is gold a better investment than silver? | Is silver a better investment than gold?
    Did Germany beat Brazil in the final? | Did Brazil beat Germany in the final?
    Can a landlord sue a tenant? | Can a tenant sue a landlord?
    Does stress cause insomnia? | Does insomnia cause stress?
    Is every square a rectangle? | Is every rectangle a square?
    Who reports to the manager of the team? | Who does the manager of the team report to?
    Should I eat before I exercise? | Should I exercise before I eat?
    Do inflation expectations affect interest rates? | Do interest rates affect inflation expectations?
    Who did Brutus kill? | Who killed Brutus?
    Can I subtract losses from gains? | Can I subtract gains from losses?
    Does Alice trust Bob? | Does Bob trust Alice?`),
  form: pairs(`
    When was the treaty signed? | Where was the treaty signed?
    Who founded the company? | When was the company founded?
    How do I file a claim? | Why do I file a claim?
    How many employees does Apple have? | Which employees does Apple have?
    How long is the warranty? | How much is the warranty?
    How often are dividends paid? | How are dividends paid?
    What is the refund policy? | Why is there a refund policy?
    How far is the airport? | Where is the airport?
    Who pays the fee? | What is the fee?
    Is the store in Berlin? | Where is the store in Berlin?
    How does the filter work? | Does the filter work?`),
  scope: pairs(`
    Do all employees get a bonus? | Do any employees get a bonus?
    Is the offer for new customers? | Is the offer only for new customers?
    Do all flights include baggage? | Do some flights include baggage?
    Is breakfast always included? | Is breakfast sometimes included?
    Can I take both courses? | Can I take either course?
    Do few people pass the exam? | Do a few people pass the exam?
    What is the fee per account? | What is the total fee for the account?
    Can everyone see the file? | Can anyone see the file?`),
  modality: pairs(`
    Can I file taxes online? | Must I file taxes online?
    Should I refinance the mortgage? | Can I refinance the mortgage?
    Do I have to tip the driver? | Can I tip the driver?
    Will rates rise? | Should rates rise?
    May tenants keep pets? | Must tenants keep pets?
    Will the parcel arrive today? | Might the parcel arrive today?
    How do I register the car? | How should I register the car?
    Is a deposit required? | Is a deposit recommended?`),
  person: pairs(`
    Can I see my data? | Can I see your data?
    How do I change my address? | How do they change their address?
    Can my employer read my email? | Can my employer read your email?
    Who has access to my account? | Who has access to her account?
    Where are our servers? | Where are your servers?
    Can I lend you money? | Can you lend me money?
    Am I liable for his debts? | Is he liable for my debts?`),
  particles: pairs(`
    What is in the box? | What is on the box?
    Who is the book by? | Who is the book about?
    Is the payment made to the bank? | Is the payment made by the bank?
    Is the user paying? | Is the user paid?
    Who was hired by the agency? | Who was hired for the agency?
    Is the film boring? | Is the film bored?
    Is the shop open on Sundays? | Does the shop open on Sundays?
    Is she like her mother? | Does she like her mother?
    Can the rate be cut? | Can the rate cut?`),
  topic: pairs(`
    What is a bond? | What is a stock?
    How do I reset my password? | How do I reset my router?
    What is the refund policy? | What is the privacy policy?
    How do I cancel my flight? | How do I cancel my hotel?
    What is the cost of equity? | What is the cost of debt?
    Is red wine healthy? | Is white wine healthy?
    How do I cook rice? | How do I cook pasta?`),
};

/** The same question in other words. Some pairs need knowledge that no rule has. */
export const PARAPHRASES: readonly Pair[] = pairs(`
  How do I reset my password? | How can I reset my password?
  How do I reset my password? | What are the steps to reset my password?
  How do I reset my password? | Could you tell me how to reset my password, please?
  How do I cancel my subscription? | What is the process for cancelling my subscription?
  How do I cancel my subscription? | I want to know how I can cancel my subscription
  What is the price of gold? | How much does gold cost?
  What is the price of gold? | What's the gold price?
  What is the capital of France? | what's France's capital
  Who is the CEO of Microsoft? | Who's Microsoft's CEO?
  When does the market open? | What time does the market open?
  What is inflation? | What does inflation mean?
  What is compound interest? | Define compound interest
  What is compound interest? | What is the definition of compound interest?
  What is the difference between stocks and bonds? | What is the difference between bonds and stocks?
  What is the difference between a Roth IRA and a 401k? | How does a 401k differ from a Roth IRA?
  Where can I find my invoice? | Where is my invoice?
  How do I convert USD to EUR? | How can I convert from USD to EUR?
  How do I purchase a ticket? | How do I buy a ticket?
  How do I delete my account? | How do I remove my account?
  How do I sign in? | How do I log in?
  How do I enable dark mode? | How do I turn on dark mode?
  Do you ship to Canada? | Is shipping to Canada available?
  How long does shipping to Canada take? | How long does it take to ship to Canada?
  What are the opening hours of the museum? | What are the museum's opening hours?
  What was Apple's revenue in Q1 2024? | What was the revenue of Apple in the first quarter of 2024?
  How much is $1,000 in euros? | How much is $1000 in EUR?
  How much is 5% of 2k? | How much is five percent of 2,000?
  Why is my internet slow? | What is the reason that my internet is slow?
  Do I need a visa for Japan? | Must I have a visa to enter Japan?
  Do I have to pay tax on dividends? | Do I need to pay tax on dividends?
  Can I return an item after 30 days? | Could I return an item after thirty days?
  In Python, how do I sort a list? | How do I sort a list in Python?
  If I lose my card, what should I do? | What should I do if I lose my card?
  Hi, what is the refund policy? | What's the refund policy?
  What countries do you ship to? | Which countries do you ship to?
  Please tell me when the office opens | When does the office open?
  How do you calculate net present value? | What is the formula for net present value?
  What is the largest city in Texas? | Which city in Texas is the largest?
  Who wrote Emma? | Who is the author of Emma?
  How old do I have to be to vote? | What is the minimum age for voting?
  What payment methods do you accept? | How can I pay?
  Is there a fee for late payment? | Do you charge for paying late?
  What happens if I miss a payment? | What are the consequences of a missed payment?
  How many employees does Apple have? | What is the number of employees at Apple?
  How many vacation days do I get? | What is my vacation allowance?
  Can I get my money back? | Am I entitled to a refund?
  How do I get to the airport? | What is the best way to reach the airport?
  What's a good credit score? | Which credit score is considered good?
  Does the plan include roaming? | Is roaming included in the plan?
  I can't log in, what should I do? | What should I do if I cannot sign in?`);

/** The guard that refuses a pair, and the pair. */
export const REFUSALS: readonly (readonly [string, string, string])[] = [
  ...`
    numbers: How long is a 30 minute parking ticket valid? | How long is a 30 hour parking ticket valid?
    time: Who is the CEO of Intel? | Who was the CEO of Intel?
    entities: When was Microsoft founded? | When was Google founded?
    polarity: How do I enable notifications? | How do I disable notifications?
    comparison: Which bridge is broader? | Which bridge is broadest?
    form: When was the treaty signed? | Where was the treaty signed?
    scope: Do all employees get a bonus? | Do any employees get a bonus?
    modality: Should I refinance the mortgage? | Can I refinance the mortgage?
    person: Can I see my data? | Can I see your data?
    order: Does Disney own Hulu? | Does Hulu own Disney?
    words: How do I cook rice? | How do I cook pasta?
    language: What is inflation? | Was ist Inflation?
  `.matchAll(/(\w+): (.*) \| (.*)/g),
].map(([, guard = '', one = '', other = '']) => [guard, one, other]);
