"""The words and marks that tell what kind of work a text asks for, in seven languages.

Each belongs to one `Cue`. They name kinds of work (proving, designing, translating, writing a story), not topics that were hard for some
model: what a model finds hard changes from model to model, what is asked for does not. A word that ends in `*` stands for all that begin with
it. Korean words are stems: a word of a text belongs to the longest stem that it begins with, up to four syllables; stems of one syllable
have to be the whole word. Japanese and Chinese words are found anywhere, as those languages write no spaces.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from unicodedata import combining, normalize


class Cue(IntEnum):
    """What a word speaks of; the value is its place in a list of counts."""

    FACT = 0
    REASON = 1
    PROOF = 2
    SOLVE = 3
    DESIGN = 4
    BUILD = 5
    MATH = 6
    QUANTITY = 7
    TIME = 8
    SEQUENCE = 9
    CODE = 10
    LOGIC = 11
    CONSTRAINT = 12
    CHANGE = 13
    NEGATION = 14
    SCENE = 15
    CREATIVE = 16
    CHAT = 17
    TRANSFORM = 18
    OPERATOR = 19
    FORMULA = 20
    EXPLAIN = 21
    COMMON = 22
    GERMAN = 23
    QUESTION = 24
    STOP = 25


WORK = frozenset(
    {Cue.REASON, Cue.PROOF, Cue.SOLVE, Cue.DESIGN, Cue.BUILD, Cue.EXPLAIN, Cue.TRANSFORM, Cue.CREATIVE, Cue.CHAT}
)
"""Cues of a text that asks for something; the others are common in texts of any kind."""

ENGLISH: dict[Cue, str] = {
    Cue.FACT: "who whom whose when where which what name named called born founded located capital",
    Cue.REASON: (
        "why how analyze analyse evaluate argue determine determined approach reason reasons reasoning think because "
        "since assess weigh tradeoff tradeoffs implications critique compare"
    ),
    Cue.PROOF: (
        "prove proof derive deduce show justify infer theorem lemma corollary conjecture axiom irrational contradiction equilibrium "
        "equilibria np rigorous formally"
    ),
    Cue.SOLVE: "calculate compute solve integrate differentiate maximize maximise minimize minimise optimal simplify step steps",
    Cue.DESIGN: (
        "design architect architecture plan migrate migration strategy scale scalable scalability distributed partition partitions "
        "concurrency concurrent resilient latency throughput downtime failover consistency deadlock race debug diagnose diagnosis bug leak "
        "hangs crashes bottleneck vulnerability vulnerabilities exploit severity optimize optimise root survives risks"
    ),
    Cue.BUILD: (
        "implement implementation algorithm refactor recursion recursive parser parse compiler interpreter complexity scheduler simulator "
        "closures"
    ),
    Cue.EXPLAIN: (
        "explain explanation describe description discuss compare contrast overview introduction introduce difference differences "
        "importance important history historical role impact influence significance concept concepts insight insights examples example "
        "define definition meaning mean culture society tell"
    ),
    Cue.MATH: (
        "sum product equation equations probability integral derivative function polynomial matrix vector triangle "
        "circle angle area volume perimeter radius diameter factor factors prime integer integers divisible remainder "
        "ratio fraction percent percentage average mean median variance deviation square root cube parallel "
        "perpendicular coordinate coordinates algebra geometry formula estimate approximately hypothesis regression "
        "coefficient sequence series permutation combinations modulo digits digit expression value values number numbers "
        "log graph infinity squared"
    ),
    Cue.QUANTITY: (
        "total each per twice half double triple remaining left many much altogether times cost costs price paid pay spends spent dollars "
        "cents miles feet meters kilometers pounds gallons liters kg km cm dozen third "
        "quarter every more less fewer than equally share shares earns earn sells sold buys bought speed distance amount rate one two "
        "three four five six seven eight nine ten"
    ),
    Cue.CODE: (
        "python javascript typescript java rust golang sql html css bash shell code coding program programs programming "
        "script tuple dict dictionary def regex yaml compile database server git docker kubernetes linux "
        "pointer thread async await stack queue linked binary runtime endpoint http unittest pytest function functions "
        "procedure array arrays class method loop import exception api query mutex threads cache module interface"
    ),
    Cue.LOGIC: (
        "if then therefore thus hence implies imply implied argument arguments premise premises conclusion valid invalid true false "
        "statement statements assume suppose given unless either neither both iff consistent contradiction logically logic follows "
        "necessarily sufficient necessary fallacy whether would clue clues puzzle exactly all some none"
    ),
    Cue.CREATIVE: (
        "story poem essay blog email letter song lyrics haiku novel character dialogue scene screenplay roleplay pretend "
        "imagine imaginative creative persona tone style slogan tagline joke funny humorous witty compelling vivid "
        "engaging persuasive travel caption tweet post speech toast metaphor metaphors narrator article paragraph "
        "paragraphs draft compose embody"
    ),
    Cue.CHAT: (
        "hello hi hey thanks thank please sorry morning night welcome bye lol ok okay cool nice love feel feeling today "
        "weekend recommend recommendation advice favorite favourite tips suggest suggestion suggestions ideas opinion "
        "chat"
    ),
    Cue.TRANSFORM: (
        "translate translation summarize summarise summary rewrite rephrase paraphrase proofread edit grammar extract "
        "classify categorize format table csv convert shorten expand bullet headline title review reviews sentiment "
        "rename renamed commit typo typos spelling keywords keyword polite lowercase uppercase list lists json columns "
        "invoice reformat tidy sort label tag markdown sentence sentences word words line lines"
    ),
    Cue.CONSTRAINT: (
        "must only least most maximum minimum limit within without between except ensure avoid require requires required "
        "exceed should shall constraint constraints respectively distinct different unique satisfy satisfies allowed"
    ),
    Cue.CHANGE: (
        "increase increases increased increasing decrease decreases decreased decreasing rise rises rising fall falls falling higher lower "
        "greater smaller effect effects affect affects cause causes caused result results lead leads shift shifts curve demand supply "
        "change changes changed constant compared relationship depends faster slower larger reduce reduces reduced"
    ),
    Cue.NEGATION: "not no never cannot isn doesn don didn won nor incorrect untrue",
    Cue.TIME: "hour hours minute minutes second seconds day days week weeks month months year years daily weekly",
    Cue.SEQUENCE: "first next after before finally until while during again later initially meanwhile",
    Cue.SCENE: (
        "he she his her him hers they them their himself herself man woman boy girl husband wife brother sister mother father family "
        "friend friends student students people"
    ),
}

KOREAN: dict[Cue, str] = {
    Cue.FACT: "누구 누가 언제 어디 어느 무엇 무슨 뭐 이름 수도 태어",
    Cue.REASON: ("왜 어떻게 분석 평가 추론 판단 이유 때문 생각 근거 방법 검토 비교 논하 추론"),
    Cue.PROOF: "증명 유도 도출 논증 보이시 보여라 정당화 무리수 정리를 보조정리 균형 모순 엄밀",
    Cue.SOLVE: "계산 구하시 구하라 구하여 풀어 풀이 풀고 최적 최대화 최소화 단계별",
    Cue.DESIGN: "설계 아키텍 계획 전략 이전하 마이그 확장성 분산 동시성 교착 디버 진단 감별 취약 공격 병목 최적화 장애 중단 무중단 버그 원인을 위험",
    Cue.BUILD: "구현 알고리 리팩터 재귀 파서 컴파일 인터프 복잡도 자료구",
    Cue.EXPLAIN: "설명 묘사 논하 논의 비교 대조 개요 소개 차이 중요 역사 영향력 의의 개념 통찰 예시 예를 정의 의미 문화 사회",
    Cue.MATH: (
        "구하 구해 방정식 확률 적분 미분 도함수 함수 다항식 행렬 벡터 삼각형 원의 각도 넓이 면적 부피 둘레 반지름 지름 약수 소수 정수 나머지 나누어 비율 분수 퍼센트 백분율 평균 중앙값 분산 표준편차 "
        "제곱 제곱근 로그 그래프 평행 수직 좌표 대수 기하 공식 근사 가설 회귀 계수 수열 순열 조합 자릿수 숫자 식을 값을 값은 합은 합을 자연수 최솟값 최댓값 곱은 곱을"
    ),
    Cue.QUANTITY: (
        "총 모두 전부 각각 당 두배 절반 남은 남는 남았 얼마 몇 배 비용 가격 지불 원을 원이 원에 만원 천원 달러 "
        "킬로 미터 리터 그램 개 명 속력 속도 거리 더 보다 한 두 세 네 다섯 여섯 마다 합계 팔아 팔았 샀다"
    ),
    Cue.CODE: (
        "파이썬 자바 자바스크립트 코드 코딩 프로그램 프로그래밍 스크립트 튜플 딕셔너리 클래스 메서드 변수 반복문 정규식 정규표 예외 데이터베이스 쿼리 서버 도커 리눅스 포인터 스레드 비동기 스택 큐 이진 "
        "엔드포인트 파싱 테스트"
    ),
    Cue.LOGIC: (
        "만약 만일 따라서 그러므로 전제 결론 타당 참 거짓 명제 진술 가정 가정하 주어진 논리 필연 충분 필요 오류 단서 퍼즐 정확히 모든 어떤 하나도 라면 이면"
    ),
    Cue.CREATIVE: (
        "이야기 시를 에세이 블로그 이메일 메일 편지 노래 가사 소설 등장인물 대화 장면 대본 역할극 연기 상상 창의 "
        "말투 문체 슬로건 농담 재미있 유머 재치 여행 캡션 게시글 연설 축사 은유 글을 문단 초안 척하 역할"
    ),
    Cue.CHAT: (
        "안녕 고마 감사 부탁 미안 죄송 좋은 반가 잘자 오늘 주말 추천 조언 좋아하 팁 알려 알려줘 제안 아이디어 의견 기분 느낌 요즘 심심 "
        "축하"
    ),
    Cue.TRANSFORM: (
        "번역 요약 고쳐 다듬 바꿔 교정 문법 추출 분류 형식 표로 변환 줄여 늘려 제목 리뷰 감정 정리해 맞춤법 이름을 바꿔줘 공손 커밋 키워드 문장으로 한단어 단어로 뽑아 만들어 목록 변경 오타"
    ),
    Cue.CONSTRAINT: (
        "반드시 오직 최소 최대 이상 이하 이내 제한 없이 사이 제외 해야 하지 조건 서로 다른 만족 허용 넘지 초과 미만 않도록 되도록"
    ),
    Cue.CHANGE: (
        "증가 감소 상승 하락 높아 낮아 커지 작아 영향 효과 원인 결과 초래 이동 곡선 수요 공급 변화 변하 일정 관계 빨라 느려 줄어 늘어 올라 "
        "내려"
    ),
    Cue.NEGATION: "아니 않은 않는 않다 없는 없다 못하 안 옳지 틀린",
    Cue.TIME: "시간 분 초 일 주 개월 년 하루 매일 매주 동안",
    Cue.SEQUENCE: "먼저 처음 그다음 다음에 이후 후에 전에 나중 마지막 그동안 다시 때까지",
    Cue.SCENE: "그는 그녀 그의 그가 그를 그들 남자 여자 남편 아내 소년 소녀 형제 누나 동생 어머니 아버지 가족 친구 학생 사람",
}

SPANISH: dict[Cue, str] = {
    Cue.FACT: "quién cuándo dónde cuál qué nombre",
    Cue.REASON: "por analiza* evalú* razona* pondera* argument* cómo compar* razon*",
    Cue.PROOF: "demuestr* demostr* prueba deduc* justifi* irracional teorema equilibrio*",
    Cue.SOLVE: "calcul* resuelv* resolv* integra* optim* paso encuentra encuentre halla",
    Cue.DESIGN: (
        "diseñ* arquitect* planific* migra* estrategia distribu* particion* interbloqu* depura* diagn* vulnerabil* ataque gravedad riesgos "
        "interrupc* cuelga"
    ),
    Cue.BUILD: "implement* algoritmo refactor* intérprete analizador complejidad estructuras",
    Cue.EXPLAIN: "explica* describ* define* diferenc* discut* import*",
    Cue.MATH: "raíz cuadrada integral ecuación derivada probabilidad matriz infinito fórmula suma",
    Cue.CODE: "código consulta índices hilos grafo módulo clausuras base pruebas",
    Cue.LOGIC: "verdad miente* mentir* entonces siempre ambos premisa conclusión",
    Cue.CREATIVE: "cuento poema ensayo carta canción felicita* escribe",
    Cue.CHAT: "hola gracias buenos buenas cómo estás idea ideas recomienda cena",
    Cue.TRANSFORM: (
        "traduc* traduz* resum* clasific* corrig* extrae* formato convierte conviert* tabla título enumera educad* cortés nombre frases "
        "palabra palabras ortograf* renombra* reescrib* commit línea sugiere"
    ),
    Cue.CONSTRAINT: "debe solo máximo mínimo sin conserva cada",
}

GERMAN: dict[Cue, str] = {
    Cue.FACT: "wer wann wo welche welcher welches wie name heißt",
    Cue.REASON: "warum analysier* bewert* wäge abwäg* begründ* argument* erörter* vergleich*",
    Cue.PROOF: "beweis* zeige zeig herleit* leite her ableit* irrational* satz gleichgewicht* schwerp*",
    Cue.SOLVE: "berechn* löse löst integrier* schritt optimier* ermittl*",
    Cue.DESIGN: (
        "entwirf entwerf* entwurf architekt* plane planung migra* strateg* verteilt* partition* netzwerkpart* deadlock* debug* "
        "differenzial* diagnos* schwachst* angriff* schwere ausfallzeit* risiken übersteht hängt rate"
    ),
    Cue.BUILD: "implement* algorithm* refaktor* parser interpreter komplexit* datenstrukt* closures",
    Cue.EXPLAIN: "erklär* beschreib* definier* unterschied* bedeut*",
    Cue.MATH: "quadratwurz* wurzel integral gleichung* ableitung wahrscheinl* matrix unendlich formel summe",
    Cue.CODE: "code abfrage* index* thread* graph* modul datenbank* schnittst* authentif* tests",
    Cue.LOGIC: "wahrheit lügt lügen immer entweder beide wenn dann",
    Cue.CREATIVE: "geschicht* gedicht* aufsatz brief lied gruß geburtstagsg* schreibe",
    Cue.CHAT: "hallo danke guten morgen wie geht idee ideen empfehl* abendessen",
    Cue.TRANSFORM: (
        "übersetz* fasse zusammenf* zusammen klassifiz* korrigier* extrahier* format* wandle umwandl* tabelle markdown* titel nenne höflich* "
        "formulier* benenne umbenenn* sätze* sätzen wort rechtschr* commit* einzeilig* stichwört* schlage"
    ),
    Cue.CONSTRAINT: "muss nur höchstens mindestens ohne behalte jede jeder",
}

FRENCH: dict[Cue, str] = {
    Cue.FACT: "qui quand où quel quelle nom",
    Cue.REASON: "pourquoi analys* évalu* raisonn* pèse argument* comment compar*",
    Cue.PROOF: "démontr* prouve* montre* déduis justifi* irrationn* théorème équilibr*",
    Cue.SOLVE: "calcul* résou* intègre étape optimis* trouve",
    Cue.DESIGN: (
        "conçois concev* architect* planifi* migrat* stratég* distribu* partition* interbloc* débog* diagnost* vulnérab* attaque gravité "
        "risques interrupt* bloque limiteur"
    ),
    Cue.BUILD: "implémen* algorithm* refactor* analyseur interprét* complexit* structures",
    Cue.EXPLAIN: "expliq* décri* défini* différen* discut*",
    Cue.MATH: "racine carrée intégrale équation* dérivée probabil* matrice infini formule somme",
    Cue.CODE: "code requête index threads graphe module fermetures données tests",
    Cue.LOGIC: "vérité ment mentent toujours soit alors prémiss*",
    Cue.CREATIVE: "histoire poème essai lettre chanson anniversa* écris",
    Cue.CHAT: "bonjour merci salut comment vas idée idées recommand* dîner",
    Cue.TRANSFORM: (
        "tradui* résume résum* classe class* corrige* extrais extrai* format* converti* tableau titre donne polie poli renomm* phrase phrases "
        "mot mots mots-clés orthograph* commit ligne propose reformul*"
    ),
    Cue.CONSTRAINT: "doit seulement maximum minimum sans gardant chaque",
}

JAPANESE: dict[Cue, str] = {
    Cue.REASON: "なぜ 分析 評価 論じ 検討 理由 推論 比較検討 論拠",
    Cue.PROOF: "証明 導出 示せ 示しな 無理数 定理 均衡 正当化",
    Cue.SOLVE: "計算 求め 解いて 段階的 最適化 積分",
    Cue.DESIGN: "設計 アーキテクチャ 計画 移行 戦略 分散 分断 デッドロック デバッグ 診断 鑑別 脆弱性 攻撃 深刻度 リスク 停止なし 障害",
    Cue.BUILD: "実装 アルゴリズム リファクタ パーサー インタープリタ 計算量 データ構造 再帰",
    Cue.EXPLAIN: "説明 述べ 定義 違い 意味",
    Cue.MATH: "平方根 方程式 確率 公式 無限 行列 微分",
    Cue.CODE: "コード クエリ インデックス スレッド グラフ モジュール データベース インターフェース クロージャ 認証",
    Cue.LOGIC: "真実 嘘 ならば 常に",
    Cue.QUANTITY: "時速 合計",
    Cue.CREATIVE: "物語 詩を 作文 手紙 歌詞 誕生日",
    Cue.CHAT: "おはよう こんにちは ありがとう お元気 アイデア おすすめ 夕食",
    Cue.TRANSFORM: "翻訳 要約 分類 直して 抽出 形式 変換 変更 表にし タイトル 丁寧 誤字 コミット 一行 一語 キーワード 名前を 文で 挙げ",
}

CHINESE: dict[Cue, str] = {
    Cue.REASON: "为什么 分析 评估 论述 权衡 理由 推理 论据",
    Cue.PROOF: "证明 推导 无理数 定理 均衡 严格",
    Cue.SOLVE: "计算 求出 求解 解方程 一步一步 优化 最优",
    Cue.DESIGN: "设计 架构 规划 制定 迁移 策略 分布式 分区 死锁 调试 诊断 鉴别 漏洞 利用方式 严重程度 风险 停机 卡死",
    Cue.BUILD: "实现 算法 重构 解析器 解释器 复杂度 数据结构 递归",
    Cue.EXPLAIN: "解释 说明 描述 定义 区别",
    Cue.MATH: "平方根 方程 概率 公式 无穷 矩阵 积分 导数",
    Cue.CODE: "代码 查询 索引 线程 图中 模块 数据库 接口 闭包",
    Cue.LOGIC: "真话 假话 撒谎 如果 总说",
    Cue.QUANTITY: "小时 总共",
    Cue.CREATIVE: "故事 诗歌 作文 一封信 歌词 祝福",
    Cue.CHAT: "你好 早上好 谢谢 推荐 晚餐 好吗",
    Cue.TRANSFORM: "翻译 总结 分类 改正 提取 格式 转换 改名 表格 标题 礼貌 错别字 提交信息 一行 一个词 关键词 改得 两句话 列出",
}

FUNCTION_WORDS: dict[Cue, str] = {
    Cue.COMMON: (
        "the of to is a an and in it this that for on with you my your be are was i me we can do does will at from by as or if have has "
        "el la los las de que un una en por para con le les des du et est une dans pour sur avec il je tu vous ce cette se lo al del su y o"
    ),
    Cue.GERMAN: "der die das und ist ein eine einen einem einer zu mit den dem des für auf von ich du wir es im bei aus sich auch noch am",
}
"""They tell whether a language is read at all; German writes its nouns with a capital, so there capitals say nothing of names."""

MARKS: dict[Cue, str] = {
    Cue.OPERATOR: "= + * / ^ < > ≤ ≥ ≠ × ÷ ± % → ⇒ ∧ ∨ ¬ ∀ ∃ ∈ ∪ ∩ ∼ ~ ≡ ⊃ |",
    Cue.FORMULA: "\\ $ √ ∑ ∫ π ∞ θ λ μ σ Δ α β ω °",
    Cue.QUESTION: "? ？",
    Cue.STOP: ". ! 。",
}


def table(*languages: dict[Cue, str]) -> dict[str, int]:
    """From each whole word to its cue's value; the first cue that names a word keeps it."""
    found: dict[str, int] = {}
    for word, cue in _entries(languages):
        if not word.endswith("*"):
            found.setdefault(word, cue)
    return found


def stems(*languages: dict[Cue, str]) -> dict[str, int]:
    """From each `word*` to its cue's value; the first cue that names it keeps it."""
    found: dict[str, int] = {}
    for word, cue in _entries(languages):
        if word.endswith("*"):
            found.setdefault(word[:-1], cue)
    return found


def _entries(languages: tuple[dict[Cue, str], ...]) -> Iterator[tuple[str, int]]:
    """All words, then, as many write them so, the same without accents."""
    entries = [(word, cue.value) for words in languages for cue, line in words.items() for word in line.split()]
    yield from entries
    for word, cue in entries:
        if not word.isascii():
            yield "".join(one for one in normalize("NFD", word) if not combining(one)), cue


_EUROPEAN = (SPANISH, GERMAN, FRENCH)
LATIN_TABLE = table(ENGLISH, MARKS, FUNCTION_WORDS, *_EUROPEAN)
LATIN_STEMS = stems(ENGLISH, *_EUROPEAN)
HANGUL_TABLE = table(KOREAN)
EAST_WORDS = table(JAPANESE, CHINESE)
