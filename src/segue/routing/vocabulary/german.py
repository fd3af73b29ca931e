"""German words and the kinds of work they speak of."""

from __future__ import annotations

from segue.routing.vocabulary.cue import Cue

GERMAN: dict[Cue, str] = {
    Cue.FACT: "wer wann wo welche welcher welches wie name heißt",
    Cue.REASON: "warum vergleich* zeige zeig gründe",
    Cue.PROOF: "beweis* herleit* leite ableit* irrational* gleichgewicht* schwerp* widerleg* bewies* eindeutig* existier*",
    Cue.SOLVE: (
        "berechn* löse löst integrier* schritt optimier* ermittl* bestimm* minimier* maximier* zuteil* dienstplan* dienstpläne* "
        "optimal* lösung*"
    ),
    Cue.DESIGN: (
        "entwirf entwerf* entwurf architekt* plane planung migra* strateg* verteilt* partition* netzwerkpart* deadlock* debug* "
        "differenzial* schwachst* angriff* schwere ausfallzeit* risiken übersteht hängt neugestalt* replikat* replizier* idempot* "
        "umstellung* nebenläuf* beschädig* speicherleck* bedroh* rückfall* zurückroll* skalier* latenz* vorfall* ausfall* "
        "symptom* fehlerursach* ablösen ablösung prognos* umstruktur* verhandl* speichermod* stillstand rechenzentr* rückweg "
        "kontokern verschlüss* protokoll* optimierer schleife* hänger lastspitz* hochverfügb* monolith* datenbankmig* jwt cors "
        "csrf crdt gpu gpus deployment rollback erholt pool erschöpft joins undo aufteil* abwander* umstell* nonce hmac heap "
        "jemalloc mmap rss schlüsselaust* sitzungsschl* prioritätsinv* locking angreifbar*"
    ),
    Cue.BUILD: "implement* algorithm* refaktor* parser interpreter komplexit* datenstrukt* closures",
    Cue.DEPTH: (
        "analysier* bewert* abwäg* wäge begründ* erörter* gegenbeisp* machbar* invarian* quantif* rigoros* ausführlich* schwäche* "
        "schwächen einwänd* hinreich* optimalit* exakt abwägung* kompromiss* ursache ursachen grundursache priorisier* kritisch* "
        "absturz* fallstrick* schranke* randbeding* unlösbar* lückenlos* hypothes* präzis* ausschließ* voraussetz* szenari* "
        "gegenargument* spanne widerspricht abschätz* unsicherheit* mehrdeut* reproduzier* experimente rekonstruier* prüf* "
        "verteidig* verzicht* woran scheiter* quantitativ* abschätzung angriffe realistisch* gegenmaßnahm* konkret* durchrechnen "
        "konsequenz* begründung stärkster schwächer extremfäll* wiederaufta* annahmen nachweis* weist umstimmen"
    ),
    Cue.EXPERT: (
        "entropie* quanten* hamilton* eigenwert* mannigfalt* topolog* stochast* bayes* schätzer* asymptot* konverg* stetig* "
        "differenzier* bijekt* injekt* isomorph* symmetri* exponent* renormier* thermodyn* relativit* supraleit* kinetik* enzym* "
        "mutation* genom* rezeptor* erreger* nieren* syndrom* kontraind* haftung* fahrlässig* rechtsprech* zuständigk* verjähr* "
        "klausel* volatil* kovarian* kausal* regress* elastizit* erkenntnisth* linear* nichtlinear* uniaxial* magnet* steuer* "
        "steuern erbschaft* schenkung* nießbrauch holding anwalt* schadensers* kündigungssch* verkehrswert patent* sorgerecht "
        "insolven* medizin* patient* dosis dosierung tumor* befund* polymer* orbital* tensor* spektral* ergod* primzahl* "
        "funktional* konfidenz* geldpolit* inflation* zölle geopolit* rational turbulen* reynolds viskos* retrosynth* chiral* "
        "stereo* warfarin inr natrium verwirrth* goldstandard weltwirtschaft* moral* partikular* metaphys* stichprobe konversion "
        "autocallable barriere hedg* auktion bieter polynom* knoten kanten steuerrisik* umstrukt* closing entscheidbar* "
        "unentscheid* komplement reduktion* minima sgd lernrate reparametri* gradient* aufrechn* währungsb* abwert* abfolge "
        "zweitrund* regulierung inkreis umkreis investition identifizierb* vertragsrecht vertragsstraf*"
    ),
    Cue.MATH: "quadratwurz* wurzel integral gleichung* ableitung wahrscheinl* matrix unendlich formel summe",
    Cue.CODE: "code abfrage* index* thread* modul datenbank* schnittst* authentif* tests",
    Cue.LOGIC: "wahrheit lügt lügen immer entweder beide wenn dann",
    Cue.CONSTRAINT: "muss höchstens mindestens ohne behalte jede jeder",
    Cue.BRIEF: "nur bloß lediglich kurz kurze kurzen knapp schnell einfach nichts",
    Cue.CREATIVE: "geschicht* gedicht* aufsatz lied gruß geburtstagsg* schreibe",
    Cue.CHAT: (
        "hallo danke guten morgen geht idee ideen empfehl* abendessen bitte moin liebe lieber grüße glückwunsch* geburtstag* "
        "hochzeit* feier* party geschenk* rezept* mittagess* urlaub* reise* einladung* dank bestell* liefer* rechnung* passwort* "
        "erstatt* nette netten herzlich* schreib puh feierabend wetter montag freitag langweil* müde witz musik film kaffee "
        "aufmunter* tipp tipps tante onkel kind katze kater hund pfannkuchen wochenende gutenacht* lustig*"
    ),
    Cue.TRANSFORM: (
        "übersetz* fasse zusammenf* zusammen klassifiz* korrigier* extrahier* format* wandle umwandl* tabelle markdown* titel "
        "nenne höflich* formulier* benenne umbenenn* sätze* sätzen wort rechtschr* commit* einzeilig* stichwört* schlage korrig* "
        "tippfehl* lösch* entfern* ersetz* sortier* alphabet* großbuchst* kleinbuchst* beschrift* kategor* ordne zuordn* datum "
        "uhrzeit zeitstemp* betreff antwort* synonym* vorlage überschrift* zähle ausfüll* zeile zeilen spalte spalten liste gib "
        "ausgeben json csv namen deutsch englisch französisch italienisch spanisch japanisch rechtschreib* grammatik kommas "
        "stichpunkt* kürze kürzer abkürz* umformul* hashtags docstring produkttitel hellgrau packliste abwesenheitsn*"
    ),
    Cue.EXPLAIN: "erklär* beschreib* definier* unterschied* bedeut*",
}
