"""French words and the kinds of work they speak of."""

from __future__ import annotations

from segue.routing.vocabulary.cue import Cue

FRENCH: dict[Cue, str] = {
    Cue.FACT: "qui quand où quel quelle nom",
    Cue.REASON: "pourquoi raisonn* comment compar* montre* raison raisons",
    Cue.PROOF: "démontr* prouve* déduis justifi* irrationn* théorème équilibr* réfut* prouv* preuve* unicité infinité",
    Cue.SOLVE: "calcul* résou* intègre optimis* trouve détermin* minimis* maximis* planning* optimal* résoudre",
    Cue.DESIGN: (
        "conçois concev* architect* planifi* migrat* stratég* distribu* partition* interbloc* débog* diagnost* vulnérab* attaque "
        "gravité risques interrupt* bloque limiteur reconcev* conception* réplica* répliqu* idempot* bascul* concurren* verrou* "
        "corromp* corrup* fuite* latence symptôm* microserv* migrer correctif* pronostic* restructur* négociat* défaillan* "
        "coupure région régions archi chiffr* protocol* réécritur* partitions plantent prod monolith* distribué* jwt cors csrf "
        "crdt gpu déploiement repart pool épuisé optimiseur jointur* bornée découper attrition nonce hmac jemalloc mmap rss "
        "inversion priorité verrouillage"
    ),
    Cue.BUILD: "implémen* algorithm* refactor* analyseur interprét* complexit* structures",
    Cue.DEPTH: (
        "analys* évalu* contreexempl* faisab* infaisab* invarian* hypothèse* quantif* rigour* exhausti* contradi* faibless* "
        "objection* optimalit* compromis arbitrage* prioris* critique* borne bornes contrainte contraintes existe concrètement "
        "hypothès* écart* scénari* entrelac* exposition fourchette illégal* estimation* incertitude* ambigu* reproduire minimale "
        "contredit expériences reconstitue* confronte* renonce* trancher défends attaques réalistes quantitativ* estimation "
        "conséquenc* égalité justifie majore prouver redémarrer hypothèses confidentialité"
    ),
    Cue.EXPERT: (
        "entropie* quantiq* hamilton* variété* topolog* stochast* bayés* vraisembl* estimateur* asymptot* converg* dérivable* "
        "biject* inject* isomorph* symétri* exposant* renormal* thermodyn* relativit* supracond* cinétiq* enzym* mutation* génom* "
        "récepteur* pathogèn* rénal* syndrom* néglig* juridict* jurisprud* prescript* clause* volatil* covarian* causal* endogèn* "
        "régress* élasticit* épistém* linéair* uniaxial* aimant* impôt* fiscal* fiscalité holding succession* donation* cession "
        "apport pacte préjudice brevet* faillite dose posologie tumeur* polymèr* orbital* tenseur* spectral* ergodiq* "
        "fonctionnel* monétair* inflation douan* géopolit* rationalité rationnel turbulen* traînée reynolds viscos* rétrosynth* "
        "chiral* stéréo* warfarin* inr natrémie étalon dépression moral* particular* métaphys* échantillon autocall barrière "
        "corrélat* enchèr* arêtes sommets fiscaux filial* ordonnanc* décidable indécidab* complémentaire réduction réductions "
        "minima sgd reparamétri* gradient ancrage dévalu* flotter symédiane investissement identifie avocats"
    ),
    Cue.MATH: "racine carrée intégrale équation* dérivée probabil* matrice infini formule somme",
    Cue.SEQUENCE: "étape",
    Cue.CODE: "code requête index threads graphe module fermetures données tests",
    Cue.LOGIC: "vérité ment mentent toujours soit alors prémiss*",
    Cue.CONSTRAINT: "doit maximum minimum sans gardant chaque",
    Cue.BRIEF: "seulement juste uniquement simplement brièvement bref court courte rapide rapidement",
    Cue.CREATIVE: "histoire poème essai lettre chanson anniversa* écris",
    Cue.CHAT: (
        "bonjour merci salut vas idée idées recommand* dîner svp stp plaît bonsoir félicit* mariage fête cadeau déjeuner vacances "
        "voyage invitation remerci* commande livraison rembours* facture adresse écrire petit coucou sympa raté blague fatigué* "
        "ennui* lundi vendredi musique film café rdv raconte tante oncle fille chien pancakes valise rigolo* gentil"
    ),
    Cue.TRANSFORM: (
        "tradui* résume résum* classe corrige* extrais extrai* format* converti* tableau titre donne polie poli renomm* phrase "
        "phrases mot mots orthograph* commit ligne reformul* corrig* fautes coquille* supprim* enlève* remplac* trie trier "
        "alphabét* majuscul* minuscul* étiquet* catégor* date heure horodat* répond* synonym* extrait* traduct* lister liste json "
        "csv champs colonnes lignes renvoie* réécri* français anglais allemand italien espagnol japonais orthographe accords "
        "accents corrigée abrège raccourci* rends raccourcis hashtags docstring"
    ),
    Cue.EXPLAIN: "expliq* décri* défini* différen* discut*",
}
