/* The ways to take what was typed, key by key (model/readings.py), and slips (model/corrections.py), as moves over the
 * characters of a phrase.
 *
 * Legend: V vocabulary size, G groups, A characters that a move admits, n keys typed.
 */
#ifndef MACHIM_READINGS_H
#define MACHIM_READINGS_H

#include <stdint.h>

/* The kinds of match, as model/channel.py numbers them. */
enum { EXACT, PARTIAL, CASE, INITIALS, KEYBOARD, SLIP };

/* What a character is, as model/keys.py marks it. */
enum { LETTER = 1, CASED = 2, HANGUL = 4, UNSHIFTED = 8 };

enum { NO_GROUP = -1, MOST_READINGS = 2, NO_CODE_POINT = -1 };

/* The characters of an alphabet by the string of keys that types each. numbers (V, longest): of the keys of each
 * character, 0 beyond the last; in_order (count,): the ids by their key strings. */
typedef struct {
    const uint16_t *numbers;
    const int32_t *in_order;
    int32_t longest, count;
} KeyTable;

/* Characters in groups: firsts (G + 1,), of each group in ids, and their end. */
typedef struct {
    const int32_t *firsts, *ids;
} Groups;

/* An alphabet as keyboards write it: AlphabetKeys of model/keys.py. marks: (V,) what each character is. */
typedef struct {
    KeyTable strokes, presses;
    Groups folded, initials;
    const int32_t *white_space;
    const uint8_t *marks;
    int32_t white_spaces, vocabulary;
} AlphabetKeys;

/* A key typed. number: as the table of the reading has it; owner: the character it belongs to; in_syllable: the keys
 * make a syllable there; inside: it is not the first of what the keys make; lone: it is a consonant in no syllable;
 * folded: the letters that differ by case from the one typed, or from the one whose key it is; initial: the syllables
 * that begin with it. */
typedef struct {
    int32_t number, owner, in_syllable, inside, lone, folded, initial;
} TypedKey;

/* A character typed. end: the keys typed when it is; marks: what it is. */
typedef struct {
    int32_t id, code_point, end, marks;
} TypedCharacter;

/* keys: (count,) n of them; kind: EXACT, or KEYBOARD for keys whichever keyboard was on; partial: what the first
 * character that is not as typed costs, nats. */
typedef struct {
    const TypedKey *keys;
    int32_t kind, count;
    double partial;
} Reading;

/* What was typed, and how to take it. kinds: those asked for, as bits; costs: as in model/channel.py; unknown: what
 * tells one unknown character from all others; keyboard: what the second reading costs as a whole; corrections:
 * (corrections,) how many characters each has, what it costs, and the ids of all, one after the other. */
typedef struct {
    const AlphabetKeys *keys;
    const TypedCharacter *characters;
    Reading readings[MOST_READINGS];
    const int32_t *lengths, *ids;
    const double *costs;
    int32_t reading_count, corrections, kinds;
    double lone_letter, other_case, initials, initials_inside, unswitched, unknown, keyboard;
} Typed;

/* How far a phrase has come in one part of the automaton, a reading or the tree of corrections: `state_of`, or DONE
 * when all that was typed is matched. */
typedef int32_t State;

enum { DONE = -1, PARTS = 4 };

/* position: keys matched, or a node of the tree; paid: that the phrase goes another way than the characters typed is
 * paid for; skips: the last character was matched by its initial, so white space may be skipped. */
static inline State state_of(int32_t part, int32_t position, int paid, int skips) {
    return ((position * 2 + (paid != 0)) * 2 + (skips != 0)) * PARTS + part;
}

static inline int32_t part_of(State state) { return state % PARTS; }
static inline int skips_of(State state) { return state / PARTS % 2; }
static inline int paid_of(State state) { return state / (PARTS * 2) % 2; }
static inline int32_t position_of(State state) { return state / (PARTS * 4); }

/* One step of a phrase: any of some characters (A,), what it costs, nats, and where it leads. matched: it stands for
 * something typed (white space skipped does not); unknown: the code point that UNKNOWN_ID stands for, or
 * NO_CODE_POINT. */
typedef struct {
    const int32_t *ids;
    int32_t count, kind, matched, unknown;
    State target;
    double cost;
} Move;

/* A way on from a place in the keys, whatever came before it; see Move. end: keys matched then; for white space no more
 * than before; pays: it is no character typed; skips: as in `state_of`. */
typedef struct {
    const int32_t *ids;
    int32_t count, kind, unknown, end;
    uint8_t pays, skips;
    double cost;
} Option;

/* What is known of a place in the keys: its options, first of them or UNKNOWN_YET, and how many; what follows costs at
 * least so much, nats, or NAN. */
typedef struct {
    int32_t first, count;
    double ahead;
} KeyPlace;

/* A node of the tree of corrections, joined where they begin alike. ends: what the correction costs that ends here;
 * beyond: the best of those that end below, nats; both -inf for none. */
typedef struct {
    double ends, beyond;
    int32_t symbol, child, last, sibling;
} Branch;

/* places: (n,) of each reading; branches: of the tree, the root first; moves: those of the last `moves_from`. */
typedef struct {
    Typed typed;
    KeyPlace *places[MOST_READINGS];
    Option *options;
    int32_t option_count, option_room;
    Branch *branches;
    int32_t branch_count, branch_room;
    Move *moves;
    int32_t move_count, move_room;
    int failed;
} Ways;

void ways_begin(Ways *ways, const Typed *typed);
void ways_end(Ways *ways);

/* Find the moves from a state that is not DONE: ways->moves, some of which may share characters. */
void moves_from(Ways *ways, State state);

/* The same for a reading, and for the tree of corrections. */
void moves_of_reading(Ways *ways, State state);
void moves_of_branch(Ways *ways, State state);

/* Join the corrections where they begin alike; give what the cheapest costs, nats. */
double plant_corrections(Ways *ways);

#endif
