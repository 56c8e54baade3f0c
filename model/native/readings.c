/* Moves of a reading: one way to take what was typed, key by key; see readings.h.
 *
 * At each place in the keys, if the kind is asked for:
 *
 * - exact: the character typed. One that is not known costs what tells it from all unknowns.
 * - partial: a character whose keys are the next ones typed, or go on from the last ones typed. The first one that is
 *   not exact pays `partial`, once for the phrase.
 * - case: the letter typed, but large for small or small for large; `other_case` each.
 * - initials: for a lone consonant typed (a cluster is two), a syllable that begins with it; `initials` each,
 *   and `initials_inside` if a syllable is typed later. White space between such a syllable and the next lone
 *   consonant is skipped, free.
 *
 * A letter in the phrase whose keys are all typed, where they make a syllable, costs `lone_letter` more, be it a lone
 * Hangul letter or the Latin one that was typed. When keys are read whichever keyboard was on, a letter that the
 * keyboard which was on does type costs `unswitched` more, and a Latin letter typed still is no other Latin letter; a
 * large letter that the Hangul keyboard does not tell from the small one costs `other_case`. */
#include "readings.h"

#include <math.h>
#include <string.h>

#include "memory.h"
#include "phrases.h"

enum { UNKNOWN_YET = -1, NOT_TYPED = -1 };

static int asks(const Ways *ways, int32_t kind) { return ways->typed.kinds >> kind & 1; }

static int32_t larger(int32_t one, int32_t other) { return one > other ? one : other; }

static const KeyTable *table_of(const Ways *ways, const Reading *reading) {
    return reading->kind == KEYBOARD ? &ways->typed.keys->presses : &ways->typed.keys->strokes;
}

/* Give the numbers of the keys of a character (longest,). */
static const uint16_t *keys_of(const KeyTable *table, int32_t id) {
    return table->numbers + (size_t)id * (size_t)table->longest;
}

static int32_t place_of(const Reading *reading, const TypedKey *key) { return (int32_t)(key - reading->keys); }

/* Give what a character of a phrase costs more: a single letter does where the keys make a syllable; on the wrong
 * keyboard also what that keyboard does type, and a large letter for the key of the small one. */
static double letter_cost(const Ways *ways, const Reading *reading, const TypedKey *key, int32_t id) {
    const Typed *typed = &ways->typed;
    int32_t marks = typed->keys->marks[id], marks_typed = ways->typed.characters[key->owner].marks;
    double cost = 0.0;
    if (key->in_syllable && (marks & LETTER || (marks & CASED && marks_typed & CASED))) cost = typed->lone_letter;
    if (reading->kind != KEYBOARD) return cost;
    if (marks_typed & CASED) return marks & CASED ? cost + typed->unswitched : cost;
    if (!(marks_typed & HANGUL)) return cost;
    return marks & HANGUL ? cost + typed->unswitched : marks & UNSHIFTED ? cost + typed->other_case : cost;
}

/* Give a way on by known characters (count,), which is no detour. */
static Option way_on(const int32_t *ids, int32_t count, int32_t kind, int32_t end, double cost) {
    return (Option){.ids = ids, .count = count, .kind = kind, .unknown = NO_CODE_POINT, .end = end, .cost = cost};
}

static void add_option(Ways *ways, Option option) {
    Option *added = APPEND(ways->options, ways->option_count, ways->option_room, ways->failed);
    if (added != NULL) *added = option;
}

/* Add the character typed. */
static void add_literal(Ways *ways, const Reading *reading, const TypedKey *key) {
    const TypedCharacter *typed = &ways->typed.characters[key->owner];
    Option option = way_on(&typed->id, 1, reading->kind, typed->end, letter_cost(ways, reading, key, typed->id));
    if (typed->id == UNKNOWN_ID) {
        option.cost += ways->typed.unknown;
        option.unknown = typed->code_point;
    }
    add_option(ways, option);
}

/* Add the letters that differ only by case from the one typed, or from the one whose key it is. */
static void add_variants(Ways *ways, const Reading *reading, const TypedKey *key, int32_t literal) {
    if (key->folded == NO_GROUP) return;
    const Groups *folded = &ways->typed.keys->folded;
    int32_t kind = larger(CASE, reading->kind);
    for (int32_t at = folded->firsts[key->folded]; at < folded->firsts[key->folded + 1]; at++) {
        const int32_t *id = &folded->ids[at];
        if (*id == literal) continue;
        double cost = ways->typed.other_case + letter_cost(ways, reading, key, *id);
        add_option(ways, way_on(id, 1, kind, place_of(reading, key) + 1, cost));
    }
}

/* Find from `first` on, before `end`, the first rank with at least a number as its key at a depth. */
static int32_t find_rank(const KeyTable *table, int32_t first, int32_t end, int32_t depth, int32_t number) {
    while (first < end) {
        int32_t middle = first + (end - first) / 2;
        if (keys_of(table, table->in_order[middle])[depth] < number)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

/* Add the characters whose keys all are the next ones typed, and those whose keys begin with all that are left, and are
 * more. They are whatever has the keys up to some depth; those that have no more come first. */
static void add_key_matches(Ways *ways, const Reading *reading, const TypedKey *key, int32_t literal) {
    const KeyTable *table = table_of(ways, reading);
    const uint8_t *marks = ways->typed.keys->marks;
    int32_t marks_typed = ways->typed.characters[key->owner].marks, other_letters = marks_typed & CASED;
    int32_t place = place_of(reading, key), left = reading->count - place, kind = larger(PARTIAL, reading->kind);
    int32_t first = 0, end = table->count, depth = 0;
    if (!asks(ways, PARTIAL) && reading->kind != KEYBOARD) return;
    while (depth < left && depth < table->longest && first < end) {
        first = find_rank(table, first, end, depth, key[depth].number);
        end = find_rank(table, first, end, depth, key[depth].number + 1);
        depth++;
        for (; first < end; first++) {
            const int32_t *id = &table->in_order[first];
            if (depth < table->longest && keys_of(table, *id)[depth] != 0) break;
            if (*id == literal || marks[*id] & other_letters) continue;
            Option option = way_on(id, 1, kind, place + depth, letter_cost(ways, reading, key, *id));
            option.pays = 1;
            add_option(ways, option);
        }
    }
    if (depth < left || first == end || !asks(ways, PARTIAL)) return;
    /* What takes several keys is Hangul. */
    double cost = reading->kind == KEYBOARD && marks_typed & HANGUL ? ways->typed.unswitched : 0.0;
    Option option = way_on(&table->in_order[first], end - first, kind, reading->count, cost);
    option.pays = 1;
    add_option(ways, option);
}

/* Add the ways on for a lone consonant: syllables that begin with it, and the white space before one. */
static void add_initials(Ways *ways, const Reading *reading, const TypedKey *key) {
    const Typed *typed = &ways->typed;
    const AlphabetKeys *keys = typed->keys;
    int32_t place = place_of(reading, key), after = place + 1, in_syllable = 0;
    if (place > 0 && keys->white_spaces > 0)
        add_option(ways, way_on(keys->white_space, keys->white_spaces, INITIALS, place, typed->initials));
    /* The last consonant is the free beginning of each such syllable, if partial matches are asked for. */
    if (key->initial == NO_GROUP || (asks(ways, PARTIAL) && after == reading->count)) return;
    for (int32_t later = after; later < reading->count && !in_syllable; later++)
        in_syllable = reading->keys[later].in_syllable;
    const int32_t *firsts = &keys->initials.firsts[key->initial];
    double cost = typed->initials + (in_syllable ? typed->initials_inside : 0.0);
    Option option = way_on(keys->initials.ids + firsts[0], firsts[1] - firsts[0], INITIALS, after, cost);
    option.skips = 1;
    add_option(ways, option);
}

/* Give what is known of a place in the keys, once its options are found. */
static KeyPlace *with_options(Ways *ways, int32_t part, int32_t number) {
    const Reading *reading = &ways->typed.readings[part];
    KeyPlace *place = &ways->places[part][number];
    if (place->first != UNKNOWN_YET) return place;
    const TypedKey *key = &reading->keys[number];
    int begins = number == 0 || reading->keys[number - 1].owner != key->owner;
    int32_t literal = begins ? ways->typed.characters[key->owner].id : NOT_TYPED;
    place->first = ways->option_count;
    if (literal != NOT_TYPED) add_literal(ways, reading, key);
    if (asks(ways, CASE)) add_variants(ways, reading, key, literal);
    add_key_matches(ways, reading, key, literal);
    if (asks(ways, INITIALS) && key->lone) add_initials(ways, reading, key);
    place->count = ways->option_count - place->first;
    return place;
}

/* Bound what is still to be paid, nats: -inf where nothing goes on; 0 but within a character, which has few keys. */
static double owed_after(Ways *ways, int32_t part, int32_t number) {
    const Reading *reading = &ways->typed.readings[part];
    if (number == reading->count || !reading->keys[number].inside) return 0.0;
    KeyPlace *place = with_options(ways, part, number);
    if (!isnan(place->ahead)) return place->ahead;
    double best = -INFINITY;
    for (int32_t at = place->first; at < place->first + place->count; at++) {
        const Option option = ways->options[at];
        if (option.end == number) continue; /* what goes on after white space could do without it */
        double cost = option.cost + owed_after(ways, part, option.end);
        if (cost > best) best = cost;
    }
    return place->ahead = best;
}

void moves_of_reading(Ways *ways, State state) {
    int32_t part = part_of(state), number = position_of(state);
    const Reading *reading = &ways->typed.readings[part];
    double behind = owed_after(ways, part, number);
    const KeyPlace *place = with_options(ways, part, number);
    for (int32_t at = place->first; at < place->first + place->count; at++) {
        const Option option = ways->options[at];
        int over = option.end == number; /* white space, which is free after white space */
        double owed = option.pays && !paid_of(state) ? reading->partial : 0.0;
        double cost = over ? (skips_of(state) ? 0.0 : option.cost) : option.cost + owed;
        State target = state_of(part, option.end, paid_of(state) || owed < 0.0, over || option.skips);
        if (option.end == reading->count) target = DONE;
        /* Each pays in advance what follows it within a syllable without fail, so that search sees it early. */
        cost += owed_after(ways, part, option.end) - behind;
        if (!(cost > -INFINITY)) continue;
        Move *move = APPEND(ways->moves, ways->move_count, ways->move_room, ways->failed);
        if (move == NULL) return;
        *move = (Move){option.ids, option.count, option.kind, !over, option.unknown, target, cost};
    }
}

void ways_begin(Ways *ways, const Typed *typed) {
    memset(ways, 0, sizeof *ways);
    ways->typed = *typed;
    for (int32_t part = 0; part < typed->reading_count; part++) {
        int32_t count = typed->readings[part].count;
        ways->places[part] = malloc((size_t)count * sizeof(KeyPlace));
        if (ways->places[part] == NULL) {
            ways->failed = 1;
            return;
        }
        for (int32_t number = 0; number < count; number++)
            ways->places[part][number] = (KeyPlace){UNKNOWN_YET, 0, NAN};
    }
}

void ways_end(Ways *ways) {
    for (int32_t part = 0; part < MOST_READINGS; part++) free(ways->places[part]);
    free(ways->options);
    free(ways->branches);
    free(ways->moves);
}

void moves_from(Ways *ways, State state) {
    ways->move_count = 0;
    if (part_of(state) < ways->typed.reading_count)
        moves_of_reading(ways, state);
    else
        moves_of_branch(ways, state);
}
