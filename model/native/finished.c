/* Names of phrases and what they come to; see finished.h. */
#include "finished.h"

#include <math.h>
#include <string.h>

#include "memory.h"

/* Write the name of a phrase behind the others; gives its length. It stays only if letter_count is moved past it. */
static int32_t write_name(Finished *finished, const int32_t *ids, int32_t length) {
    const int32_t *folded = finished->wanted.folded;
    int32_t start = finished->letter_count;
    for (int32_t at = 0; at < length; at++) {
        int32_t *letter = APPEND(finished->letters, finished->letter_count, finished->letter_room, finished->failed);
        if (letter == NULL) break;
        *letter = folded == NULL ? ids[at] : folded[ids[at]];
    }
    int32_t end = finished->letter_count;
    if (folded != NULL)
        while (end > start && finished->letters[end - 1] < 0) end--;
    finished->letter_count = start;
    return end - start;
}

static int same(const int32_t *one, int32_t one_length, const int32_t *other, int32_t other_length) {
    return one_length == other_length && (one_length == 0 || memcmp(one, other, (size_t)one_length * sizeof *one) == 0);
}

void finished_begin(Finished *finished, const Wanted *wanted) {
    memset(finished, 0, sizeof *finished);
    finished->wanted = *wanted;
    finished->floor = -INFINITY;
    finished->typed_length = write_name(finished, wanted->ahead, wanted->ahead_count);
    finished->letter_count += finished->typed_length;
}

void finished_end(Finished *finished) {
    free(finished->names);
    free(finished->letters);
    free(finished->best);
}

/* Give the number of a name that is written behind the others, a new one if it was not known; or -1. */
static int32_t name_number(Finished *finished, int32_t length) {
    const int32_t *letters = finished->letters + finished->letter_count;
    uint64_t hash = 14695981039346656037u; /* FNV-1a, a letter at a time */
    for (int32_t at = 0; at < length; at++) hash = (hash ^ (uint32_t)letters[at]) * 1099511628211u;
    for (int32_t number = 0; number < finished->name_count; number++) {
        const Name *name = &finished->names[number];
        if (name->hash == hash && same(finished->letters + name->name, name->length, letters, length)) return number;
    }
    Name *name = APPEND(finished->names, finished->name_count, finished->name_room, finished->failed);
    if (name == NULL) return -1;
    *name = (Name){hash, -INFINITY, -INFINITY, 0, 0, finished->letter_count, length, 0, 0};
    finished->letter_count += length;
    return finished->name_count - 1;
}

/* Tell whether a phrase whose name is written behind the others is a completion; seen: what its count is worth. */
static int may_be_given(const Finished *finished, int32_t phrase_length, int32_t length, double seen) {
    if (phrase_length == 0) return 0; /* nothing at all is no completion of nothing */
    const int32_t *letters = finished->letters;
    if (!same(letters, finished->typed_length, letters + finished->letter_count, length)) return 1;
    return finished->wanted.may_be_typed && (!finished->wanted.only_if_seen || seen > -INFINITY);
}

/* Remember that a name comes to so much, nats; K names give the floor. */
static void note(Finished *finished, int32_t number, double worth) {
    Name *names = finished->names;
    if (worth <= names[number].worth) return;
    names[number].worth = worth;
    int32_t at = 0, limit = finished->wanted.limit;
    while (at < finished->best_count && finished->best[at] != number) at++;
    if (at == finished->best_count) {
        if (at < limit) {
            if (APPEND(finished->best, finished->best_count, finished->best_room, finished->failed) == NULL) return;
        } else if (worth > names[finished->best[limit - 1]].worth) {
            at = limit - 1;
        } else {
            return;
        }
    }
    for (; at > 0 && names[finished->best[at - 1]].worth < worth; at--) finished->best[at] = finished->best[at - 1];
    finished->best[at] = number;
    if (finished->best_count == limit) finished->floor = names[finished->best[limit - 1]].worth;
}

void finished_add(
    Finished *finished, const int32_t *ids, int32_t length, double score, double model, double seen, int32_t reference) {
    if (!(score >= finished->floor) || score == -INFINITY) return;
    int32_t name_length = write_name(finished, ids, length);
    if (finished->failed || !may_be_given(finished, length, name_length, seen)) return;
    int32_t number = name_number(finished, name_length);
    if (number < 0) return;
    Name *name = &finished->names[number];
    if (name->found && score <= name->score) return;
    name->found = 1;
    name->score = score;
    name->model = model;
    name->seen = seen;
    name->reference = reference;
    note(finished, number, score);
}

int32_t finished_expect(Finished *finished, const int32_t *ids, int32_t length, double seen, double worth) {
    if (length > finished->wanted.longest) return 0;
    int32_t name_length = write_name(finished, ids, length);
    if (finished->failed || !may_be_given(finished, length, name_length, seen)) return 0;
    int32_t number = name_number(finished, name_length);
    if (number >= 0) note(finished, number, worth);
    return 1;
}
