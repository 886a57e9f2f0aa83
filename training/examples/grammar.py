"""A small grammar of English sentences with exactly one French translation each.

The toy language of `text_transformer`. Its French is real but small (no word begins with a vowel
where that would change the word before it), and each rule makes a word depend on another one:
colour adjectives follow their noun, all agree in gender and number with it, a verb agrees with its
subject across a clause, a pronoun precedes the verb, "does not" wraps around it, and "today" moves
from the front to the end.
"""

from dataclasses import dataclass
from random import Random
from zlib import crc32

Words = tuple[str, ...]


@dataclass(frozen=True)
class Noun:
    """english, french: singular and plural."""

    english: tuple[str, str]
    french: tuple[str, str]
    feminine: bool = False


NOUNS = (
    Noun(("cat", "cats"), ("chat", "chats")),
    Noun(("dog", "dogs"), ("chien", "chiens")),
    Noun(("horse", "horses"), ("cheval", "chevaux")),
    Noun(("rabbit", "rabbits"), ("lapin", "lapins")),
    Noun(("wolf", "wolves"), ("loup", "loups")),
    Noun(("fox", "foxes"), ("renard", "renards")),
    Noun(("boy", "boys"), ("garçon", "garçons")),
    Noun(("king", "kings"), ("roi", "rois")),
    Noun(("mouse", "mice"), ("souris", "souris"), feminine=True),
    Noun(("cow", "cows"), ("vache", "vaches"), feminine=True),
    Noun(("goat", "goats"), ("chèvre", "chèvres"), feminine=True),
    Noun(("hen", "hens"), ("poule", "poules"), feminine=True),
    Noun(("turtle", "turtles"), ("tortue", "tortues"), feminine=True),
    Noun(("girl", "girls"), ("fille", "filles"), feminine=True),
    Noun(("woman", "women"), ("femme", "femmes"), feminine=True),
    Noun(("queen", "queens"), ("reine", "reines"), feminine=True),
)

# French: masculine and feminine singular, masculine and feminine plural.
BEFORE = {
    "small": ("petit", "petite", "petits", "petites"),
    "big": ("grand", "grande", "grands", "grandes"),
    "young": ("jeune", "jeune", "jeunes", "jeunes"),
    "pretty": ("joli", "jolie", "jolis", "jolies"),
    "good": ("bon", "bonne", "bons", "bonnes"),
}
AFTER = {
    "red": ("rouge", "rouge", "rouges", "rouges"),
    "green": ("vert", "verte", "verts", "vertes"),
    "black": ("noir", "noire", "noirs", "noires"),
    "white": ("blanc", "blanche", "blancs", "blanches"),
    "grey": ("gris", "grise", "gris", "grises"),
    "tired": ("fatigué", "fatiguée", "fatigués", "fatiguées"),
    "sad": ("triste", "triste", "tristes", "tristes"),
}
SINGULAR = {
    "the": ("le", "la"),
    "a": ("un", "une"),
    "my": ("mon", "ma"),
    "this": ("ce", "cette"),
    "each": ("chaque", "chaque"),
}
PLURAL = {"the": "les", "my": "mes", "these": "ces", "two": "deux", "three": "trois"}

# English with he and with they; French likewise. "looks for" is two words.
VERBS = (
    (("sees", "see"), ("voit", "voient")),
    (("follows", "follow"), ("suit", "suivent")),
    (("watches", "watch"), ("regarde", "regardent")),
    (("finds", "find"), ("trouve", "trouvent")),
    (("looks for", "look for"), ("cherche", "cherchent")),
    (("carries", "carry"), ("porte", "portent")),
    (("knows", "know"), ("connaît", "connaissent")),
    (("pushes", "push"), ("pousse", "poussent")),
    (("wakes", "wake"), ("réveille", "réveillent")),
    (("greets", "greet"), ("salue", "saluent")),
    (("hides", "hide"), ("cache", "cachent")),
    (("bites", "bite"), ("mord", "mordent")),
)
PRONOUNS = {"him": "le", "her": "la", "them": "les"}

HELD_OUT_IN = 10
"""One sentence in this many is held out, decided by a checksum of its words."""


@dataclass(frozen=True)
class Pair:
    """A sentence in both languages."""

    english: Words
    french: Words

    @property
    def held_out(self) -> bool:
        """Whether the sentence is held out; deterministic."""
        return crc32(" ".join(self.english).encode()) % HELD_OUT_IN == 0


def noun_phrase(random: Random) -> tuple[list[str], list[str], bool]:
    """A determiner, perhaps adjectives, and a noun: English, French, whether it is plural."""
    noun, plural = random.choice(NOUNS), random.random() < 0.45
    form = 2 * plural + noun.feminine
    if plural:
        determiner = random.choice(list(PLURAL))
        french = [PLURAL[determiner]]
    else:
        determiner = random.choice(list(SINGULAR))
        french = [SINGULAR[determiner][noun.feminine]]
    english = [determiner]
    if random.random() < 0.35:
        size = random.choice(list(BEFORE))
        english.append(size)
        french.append(BEFORE[size][form])
    french.append(noun.french[plural])
    if random.random() < 0.4:
        colour = random.choice(list(AFTER))
        english.append(colour)
        french.append(AFTER[colour][form])
    english.append(noun.english[plural])
    return english, french, plural


def predicate(random: Random, plural: bool, question: bool) -> tuple[list[str], list[str]]:
    """A verb, possibly negated, possibly with "always", and its object; after "does" in a
    question.
    """
    verb, conjugated = random.choice(VERBS)
    denied = not question and random.random() < 0.25
    always = random.random() < 0.2
    if random.random() < 0.25:
        pronoun = random.choice(list(PRONOUNS))
        english_object, before = [pronoun], [PRONOUNS[pronoun]]
        after: list[str] = []
    else:
        english_object, after, _ = noun_phrase(random)
        before = []
    helper = [("do" if plural else "does"), "not"] if denied else []
    form = 1 if denied or question else int(plural)
    english = [*helper, *(["always"] if always else []), *verb[form].split(), *english_object]
    french = [*(["ne"] if denied else []), *before, conjugated[plural]]
    french += [*(["pas"] if denied else []), *(["toujours"] if always else []), *after]
    return english, french


def draw_pair(random: Random) -> Pair:
    """A sentence and its translation."""
    question, today = random.random() < 0.2, random.random() < 0.15
    english, french, plural = noun_phrase(random)
    if random.random() < 0.2:
        clause_english, clause_french = predicate(random, plural, question=False)
        english += ["that", *clause_english]
        french += ["qui", *clause_french]
    verb_english, verb_french = predicate(random, plural, question)
    english += verb_english
    french += verb_french
    if question:
        english = ["do" if plural else "does", *english]
        french = ["est-ce", "que", *french]
    if today:
        english, french = ["today", *english], [*french, "aujourd'hui"]
    return Pair(tuple(english), tuple(french))


def draw_pairs(count: int, seed: int, held_out: bool) -> list[Pair]:
    """Distinct sentences of the training or validation part, determined by a seed."""
    random, found = Random(seed), dict[Words, Pair]()
    while len(found) < count:
        pair = draw_pair(random)
        if pair.held_out == held_out:
            found.setdefault(pair.english, pair)
    return list(found.values())


def vocabulary() -> tuple[str, ...]:
    """Every word of both languages once: English first, each language sorted."""
    return (*_english(), *_french())


def source_words() -> int:
    """How many leading words of `vocabulary` belong to the source language."""
    return len(_english())


def _english() -> list[str]:
    words = {"that", "do", "does", "not", "always", "today", *BEFORE, *AFTER, *PRONOUNS}
    words |= {word for noun in NOUNS for word in noun.english} | {*SINGULAR, *PLURAL}
    return sorted(words | {word for forms, _ in VERBS for form in forms for word in form.split()})


def _french() -> list[str]:
    """French words that do not also occur in English."""
    words = {"est-ce", "que", "qui", "ne", "pas", "toujours", "aujourd'hui", *PRONOUNS.values()}
    words |= {word for noun in NOUNS for word in noun.french} | {*PLURAL.values()}
    words |= {word for forms in SINGULAR.values() for word in forms}
    words |= {word for table in (BEFORE, AFTER) for forms in table.values() for word in forms}
    words |= {word for _, forms in VERBS for word in forms}
    return sorted(words - {*_english()})
