"""Spanish words and the kinds of work they speak of."""

from __future__ import annotations

from segue.routing.vocabulary.cue import Cue

SPANISH: dict[Cue, str] = {
    Cue.FACT: "quién cuándo dónde cuál qué nombre",
    Cue.REASON: "cómo compar* razon* prueba causas motivo",
    Cue.PROOF: "demuestr* demostr* deduc* justifi* irracional teorema equilibrio* refut* demuéstr* pruéb* único infinit*",
    Cue.SOLVE: (
        "calcul* resuelv* resolv* integra* optim* encuentra encuentre halla determin* minimiz* maximiz* hallar asign* cuadrant* "
        "turnos óptim*"
    ),
    Cue.DESIGN: (
        "diseñ* arquitect* planific* migra* estrategia distribu* particion* interbloqu* depura* diagn* vulnerabil* ataque "
        "gravedad riesgos interrupc* cuelga rediseñ* fragment* replica* idempot* conmutac* concurren* corrup* fuga fugas regresi* "
        "amenaza* reversión escalab* latencia incidente* síntoma* microserv* arquitec* pronóst* restruct* reestruct* negociac* "
        "región regiones mainframe monedero producción esquema cifrad* protocolo* reescritur* hoisting particiones atómic* "
        "contable jwt cors csrf crdt gpu despliegue optimizador joins deshacer acotada bloqueos trocear* migraci* escala nonce "
        "hmac heap jemalloc mmap rss"
    ),
    Cue.BUILD: "implement* algoritmo refactor* intérprete analizador complejidad estructuras",
    Cue.DEPTH: (
        "analiza* evalú* pondera* razona* contraejemplo* factib* inviab* viabilid* invarian* supuesto* cuantif* riguros* "
        "exhaustiv* contradic* debilidad* objecion* mitig* suficien* optimalidad* justific* compromiso* compensacion* prioriz* "
        "concil* críticamente caída caídas cota cotas restricción* restriccion* crític* hipótesis descart* contradice escenari* "
        "intercalad* exposición ilegal* completa saltos estimaci* ambigü* incertidumb* conviene matices débil experimentos "
        "distinguen reconstruye contrasta evidencia renunci* defiende realistas ataques propón concret* cuantitativ* consecuenc* "
        "limitacion* justifica implicacion* razones rompe defender identific* estimar supuestos acota constante"
    ),
    Cue.EXPERT: (
        "entropía* cuántic* hamilton* autovalor* topolog* homolog* estocást* bayes* verosimil* estimador* asintót* converg* "
        "diferenciab* biyec* inyec* isomorf* simetr* exponente* renormal* termodin* relativ* supercond* cinétic* enzim* mutaci* "
        "genom* receptor* patógen* renal hepát* síndrom* contraind* negligen* jurisdic* jurisprud* arbitra* volatil* covarian* "
        "causal* endogen* elasticid* epistem* lineal* uniaxial imán impuest* fiscal* tributari* holding herenc* donaci* sucesi* "
        "escind* fusi* cláusul* abogad* incumpl* indemniz* patent* custodia diagnós* paciente* dosis tumor* polímer* orbital* "
        "tensor* espectral* ergód* funcional* monetari* inflaci* arancel* geopol* racional turbulenc* reynolds viscos* retrosínt* "
        "quiral* estereo* warfarin* inr sodio depresión moral* metafís* positivos conversión autocancelab* barrera subasta "
        "postores polinómic* aristas vértices filial* fiscales decidible semidecid* indecidib* complemento mínimos sgd "
        "reparametri* gradiente arrendam* deuda devalua* flotar secuencia regulación incírculo simediana capex tasa"
    ),
    Cue.MATH: "raíz cuadrada integral ecuación derivada probabilidad matriz infinito fórmula suma",
    Cue.SEQUENCE: "paso",
    Cue.CODE: "código consulta índices hilos grafo módulo clausuras base pruebas",
    Cue.LOGIC: "verdad miente* mentir* entonces siempre ambos premisa conclusión",
    Cue.CONSTRAINT: "debe máximo mínimo sin conserva cada",
    Cue.BRIEF: "solo sólo solamente únicamente brevemente breve corto corta rápid* simplemente sí cortito",
    Cue.CREATIVE: "cuento poema ensayo carta canción felicita* escribe",
    Cue.CHAT: (
        "hola gracias buenos buenas estás idea ideas recomienda cena porfa porfavor favor felicidades agradec* cumpleaños boda "
        "fiesta regalo receta comida vacaciones viaje necesito quiero ponme pedido envío devolver reembolso cobrado factura "
        "escríbeme invitación cuéntame gracioso jaja aburrid* cansad* lunes viernes peli música chiste reserva avería maleta tía "
        "tío hijo hija gato perro tortitas cumple contéstale"
    ),
    Cue.TRANSFORM: (
        "traduc* traduz* resum* clasific* corrig* extrae* formato convierte conviert* tabla título enumera educad* cortés frases "
        "palabra palabras ortograf* renombra* reescrib* commit línea sugiere correg* faltas erratas ortográf* borra borrar "
        "elimina quita reemplaz* sustituy* ordena alfabét* mayúscul* minúscul* etiquet* fecha hora asunto respond* sinónim* "
        "rellen* plantilla traducción traductor resumen devuelve json csv categoría categorías campos copia líneas frase lista "
        "español inglés francés alemán italiano portugués japonés gramátic* concordanc* corregido acorta alarga abrevia* hashtags "
        "pásalo limpio docstring"
    ),
    Cue.EXPLAIN: "explica* describ* define* diferenc* discut*",
}
