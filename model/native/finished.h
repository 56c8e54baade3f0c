/* Finished phrases: the best that a search knows, and what anything else must come above (model/finished.py).
 *
 * Legend: V vocabulary size, K completions.
 */
#ifndef MACHIM_FINISHED_H
#define MACHIM_FINISHED_H

#include <stdint.h>

/* folded: (V,) an id for each character, the same for those that are not told apart, -1 for white space, which does not
 * count at the end; NULL where all are told apart. ahead: (ahead_count,) the ids that were typed. limit: K; longest:
 * characters of a phrase that is wanted; may_be_typed: what was typed may be a completion; only_if_seen: but only if it
 * was seen. */
typedef struct {
    const int32_t *folded;
    const int32_t *ahead;
    int32_t ahead_count, limit, longest, may_be_typed, only_if_seen;
} Wanted;

/* What phrases of one name come to. worth: the most that is known, nats, be it what was found or what is expected at
 * least. found: one was; score, model, seen: of the best of them, nats; reference: whoever asked knows it by that. */
typedef struct {
    uint64_t hash;
    double worth, score, model, seen;
    int32_t name, length, found, reference;
} Name;

/* floor: the K-th best worth of all names, nats; best: (K,) the names of the best, best first; letters: all names. */
typedef struct {
    Wanted wanted;
    double floor;
    Name *names;
    int32_t name_count, name_room;
    int32_t *letters;
    int32_t letter_count, letter_room;
    int32_t *best;
    int32_t best_count, best_room;
    int32_t typed; /* the name of what was typed, as an offset into letters, and its length */
    int32_t typed_length;
    int failed;
} Finished;

void finished_begin(Finished *finished, const Wanted *wanted);
void finished_end(Finished *finished);

/* Keep a finished phrase, if it may be given, is wanted, and is the best of its name. */
void finished_add(
    Finished *finished, const int32_t *ids, int32_t length, double score, double model, double seen, int32_t reference);

/* Raise the floor to what a phrase will come to at least; tells whether it may be given and is not too long. */
int32_t finished_expect(Finished *finished, const int32_t *ids, int32_t length, double seen, double worth);

#endif
