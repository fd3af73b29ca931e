"""English words and the kinds of work they speak of."""

from __future__ import annotations

from segue.routing.vocabulary.cue import Cue

ENGLISH: dict[Cue, str] = {
    Cue.FACT: "who whom whose when where which what name named called born founded located capital",
    Cue.REASON: "why how determine determined approach reason reasons reasoning think because since tradeoff tradeoffs compare show",
    Cue.PROOF: (
        "prove proof derive deduce justify infer theorem lemma corollary conjecture axiom irrational contradiction equilibrium "
        "equilibria np rigorous formally disprove refute exist exists existence uniqueness infinitely"
    ),
    Cue.SOLVE: (
        "calculate compute solve integrate differentiate maximize maximise minimize minimise optimal simplify roster allocat* "
        "minimal maximal optimiz* optimis*"
    ),
    Cue.DESIGN: (
        "design architect architecture plan migrate migration strategy scale scalable scalability distributed partition "
        "partitions concurrency concurrent resilient latency throughput downtime failover consistency deadlock race debug "
        "diagnose diagnosis bug leak hangs crashes bottleneck vulnerability vulnerabilities exploit severity optimize optimise "
        "survives risks redesign rollback runbook cutover shard shards sharding replica* replicat* idempot* tenants backpressure "
        "consensus quorum isolation locking starv* livelock flaky intermittent* segfault corrupt* stale leaks threat* roadmap "
        "prognos* differential restructur* rearchitect* outage* throttl* limiter limiting crash forecast* negotiat* valuation rpo "
        "rto qps tps sla slo acid mvcc raft paxos oom ub regions survive surviving freezes ledger monolith microservice* onprem "
        "multiregion prod eviction jit hoisting aliasing rewrites schema autoscal* observab* sandbox* malware forensic* encrypt* "
        "cryptograph* protocol* jwt cors csrf xss ssrf oauth samesite crdt mpmc gpu gpus cuda adamw coalescing occupancy numa "
        "simd hazard atomics reorderer planner joins deploy rollout churn packet dns tls paging observability retention nonce "
        "hmac handshake cipher secrecy rss heap jemalloc mmap inversion realtime"
    ),
    Cue.BUILD: (
        "implement implementation algorithm refactor recursion recursive parser parse compiler interpreter complexity scheduler "
        "simulator closures"
    ),
    Cue.DEPTH: (
        "analyze analyse evaluate argue assess weigh critique implications counterexample* infeasib* feasib* invariant invariants "
        "interleaving* pitfalls assumptions quantif* justif* rebut* critically thorough* rigor* contradict* weakness* objections "
        "subtle postmortem mitigat* abort optimality exhaustive* prioriti* reconcil* defend tight bound bounds precisely "
        "hypothes* weakest inconsisten* scenario* exposure reproduce stepwise conflicting breakeven sensitivity caveat* "
        "counterargument* ambigu* nontrivial uncertainty estimates realistic* attacks ranked reconstruct* steelman experiments "
        "distinguish transmit propose rationale consequences irreversibl* drawback* limitation* convincing* tractab* intractab* "
        "nuanced carefully exclude identif* assumed"
    ),
    Cue.EXPERT: (
        "entropy quantum hamiltonian lagrangian eigenvalu* manifold* topolog* homolog* galois hilbert banach fourier laplac* "
        "stochastic* markov* bayes* posterior likelihood estimator asymptot* converge* convergence continuous differentiable "
        "bijecti* injecti* surjecti* isomorph* homomorph* abelian lattice symmetr* exponent* renormali* thermodynam* relativ* "
        "superconduct* kinetic* catalys* enzym* mutation* allele* genom* receptor* pharmacok* pathogen* renal hepatic cardiac "
        "lesion* biops* syndrome* contraindic* comorbid* liabilit* negligen* jurisdict* statut* indemn* arbitra* volatil* hedge "
        "hedging covarian* causal* confound* endogen* regress* elasticit* epistem* nonlinear uniaxial magnet* cohort* bias tax "
        "taxes taxation taxable estate earnout merger acquisition dilution equity tranche covenant* clause clauses breach "
        "indemnit* counsel damages gdpr antitrust patent* infring* custody insolven* bankrupt* treaty tort dosage mg diagnos* "
        "patient* metasta* sepsis ecg mri hemat* polymer* ligand* orbital* semiconduct* neutrino* galax* tensor* matrices "
        "spectral ergodic topology heterogen* randomi* counterfactual dialectic* postcolonial* kant* hegel* monetary fiscal "
        "inflation tariffs geopolit* rational transcendental turbulen* reynolds viscos* retrosynth* synthesis chiral* stereo* "
        "nucleophil* electrophil* warfarin inr hyponat* creatinin* murmur hemorrhag* autocallable barrier correlat* gamma vega "
        "moral* particularis* metaphys* utilit* wealth naphthol pillar multinational subsidiary biotech oncolog* vertices auction "
        "bidder* bidders gauge lepton hadron genus cohomolog* martingale* ito brownian riemann decidable undecidable semidecidab* "
        "halting turing reductions sgd minima flatness reparametri* gradient overfit* peg currency devaluat* regulation lottery "
        "complied compliance incircle circumcircle symmedian cevian stakeholder* antibod* receptor thermodynamic"
    ),
    Cue.MATH: (
        "sum product equation equations probability integral derivative function polynomial matrix vector triangle circle angle "
        "area volume perimeter radius diameter factor factors prime integer integers divisible remainder ratio fraction percent "
        "percentage average mean median variance deviation square root cube parallel perpendicular coordinate coordinates algebra "
        "geometry formula estimate approximately hypothesis regression coefficient sequence series permutation combinations "
        "modulo digits digit expression value values number numbers log graph infinity squared"
    ),
    Cue.QUANTITY: (
        "total each per twice half double triple remaining left many much altogether times cost costs price paid pay spends spent "
        "dollars cents miles feet meters kilometers pounds gallons liters kg km cm dozen third quarter every more less fewer than "
        "equally share shares earns earn sells sold buys bought speed distance amount rate one two three four five six seven "
        "eight nine ten"
    ),
    Cue.TIME: "hour hours minute minutes second seconds day days week weeks month months year years daily weekly",
    Cue.SEQUENCE: "first next after before finally until while during again later initially meanwhile step steps",
    Cue.CODE: (
        "python javascript typescript java rust golang sql html css bash shell code coding program programs programming script "
        "tuple dict dictionary def regex yaml compile database server git docker kubernetes linux pointer thread async await "
        "stack queue linked binary runtime endpoint http unittest pytest functions procedure array arrays class method loop "
        "import exception api query mutex threads cache module interface"
    ),
    Cue.LOGIC: (
        "if then therefore thus hence implies imply implied argument arguments premise premises conclusion valid invalid true "
        "false statement statements assume suppose given unless either neither both iff consistent logically logic follows "
        "necessarily sufficient necessary fallacy whether would clue clues puzzle exactly all some none"
    ),
    Cue.CONSTRAINT: (
        "must least most maximum minimum limit within without between except ensure avoid require requires required exceed should "
        "shall constraint constraints respectively distinct different unique satisfy satisfies allowed"
    ),
    Cue.CHANGE: (
        "increase increases increased increasing decrease decreases decreased decreasing rise rises rising fall falls falling "
        "higher lower greater smaller effect effects affect affects cause causes caused result results lead leads shift shifts "
        "curve demand supply change changes changed constant compared relationship depends faster slower larger reduce reduces "
        "reduced"
    ),
    Cue.NEGATION: "not no never cannot isn doesn don didn won nor incorrect untrue",
    Cue.SCENE: (
        "he she his her him hers they them their himself herself man woman boy girl husband wife brother sister mother father "
        "family friend friends student students people"
    ),
    Cue.BRIEF: "just only briefly brief short quick quickly concise single tldr simply yes oneliner roughly approx sweet",
    Cue.CREATIVE: (
        "story poem essay blog email letter song lyrics haiku novel character dialogue scene screenplay roleplay pretend imagine "
        "imaginative creative persona tone style slogan tagline joke funny humorous witty compelling vivid engaging persuasive "
        "travel caption tweet post speech toast metaphor metaphors narrator article paragraph paragraphs draft compose embody "
        "rhyme limerick"
    ),
    Cue.CHAT: (
        "hello hi hey thanks thank please sorry morning night welcome bye lol ok okay cool nice love feel feeling today weekend "
        "recommend recommendation advice favorite favourite tips suggest suggestion suggestions ideas opinion chat pls plz hiya "
        "congrats appreciate note greeting* lunch dinner recipe gift birthday party wedding invite invitation vacation trip guys "
        "charged refund ugh haha mondays coffee bored tired hungry hungover movie music playlist anyone gonna wanna thx ty u "
        "lovely aunt uncle mom dad kid cat dog pancake* bread holiday bedtime"
    ),
    Cue.TRANSFORM: (
        "translate translation summarize summarise summary rewrite rephrase paraphrase proofread edit grammar extract classify "
        "categorize format table csv convert shorten expand bullet headline title review reviews sentiment rename renamed commit "
        "typo typos spelling keywords keyword polite lowercase uppercase list lists json columns invoice reformat tidy sort label "
        "tag markdown sentence sentences word words line lines remove delete replace alphabetical* capitali* punctuation hashtag* "
        "synonym* antonym* spell plural timezone date dates timestamp phone subject reply categor* labels emoji* template fill "
        "translat* summari* bulletpoint* slug column row rows copy paste english french german italian spanish portuguese "
        "japanese korean chinese russian newsletter clean unchanged cheer sorted jumbled emoji acronym abbreviat* celsius "
        "fahrenheit postal hashtags hex docstring packing characters shorter"
    ),
    Cue.EXPLAIN: (
        "explain explanation describe description discuss contrast overview introduction introduce difference differences "
        "importance important history historical role impact influence significance concept concepts insight insights examples "
        "example define definition meaning culture society tell"
    ),
}
